// Sorting and filtering.

export async function tables(page) {
  const problems = [];
  await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));
  const all = await page.$$("main table");
  for (const table of all) {
    problems.push(...await sorting(table), ...await filtering(page, table));
  }
  return problems;
}

const column = (table, at) => table.evaluate((each, index) => [...each.tBodies[0].rows].map((row) => row.cells[index].textContent.replace(/\s+/g, " ").trim()), at);

// The number at the beginning of a cell, by another way than the script of the page: what is not part of it is removed.
export function number(words) {
  const plain = words.replace(/^p /, "").replace(/−/g, "-").replace(/^[<=>]\s*/, "").replace(/,/g, "");
  const duration = plain.match(/^([\d.]+) (s|min|h)(?: (\d+) (s|min))?$/);
  const seconds = { s: 1, min: 60, h: 3600 };
  if (duration) return duration[1] * seconds[duration[2]] + (duration[4] ? duration[3] * seconds[duration[4]] : 0);
  return Number.parseFloat(plain);
}

const isMissing = (words) => ["", "–", "missing"].includes(words);

async function sorting(table) {
  const problems = [];
  const rows = await table.evaluate((each) => (each.tBodies[0] ? each.tBodies[0].rows.length : 0));
  const headers = await table.$$("thead tr:last-child th");
  const title = await table.evaluate((each) => (each.caption ? each.caption.textContent : each.textContent.trim().slice(0, 40)));
  const isFixed = await table.evaluate((each) => !each.tHead || [...each.querySelectorAll("td, th")].some((cell) => cell.colSpan > 1 || cell.rowSpan > 1));
  if (rows < 2 || isFixed) return [];
  for (const [at, header] of headers.entries()) {
    const name = await header.innerText();
    const button = await header.$("button");
    if (!button) {
      if (name.trim()) problems.push(`table ${title}: ${name} has no button`);
      continue;
    }
    const before = await column(table, at);
    const orders = [];
    for (let click = 0; click < 3; click += 1) {
      await button.evaluate((each) => each.click());
      orders.push([await column(table, at), await header.getAttribute("aria-sort")]);
    }
    const wrong = checkOrders(before, orders);
    if (wrong) problems.push(`table ${title}, ${name}: ${wrong}`);
  }
  return problems;
}

// Checks the contents of a column after one, two and three clicks.
function checkOrders(before, [[up, upState], [down, downState], [back, backState]]) {
  if (upState !== "ascending" || downState !== "descending" || backState !== null) return `states ${upState}, ${downState}, ${backState}`;
  if (before.join("\n") !== back.join("\n")) return "the third click does not restore the order";
  const present = before.filter((words) => !isMissing(words));
  for (const sorted of [up, down]) {
    if ([...sorted].sort().join("\n") !== [...before].sort().join("\n")) return "rows are lost";
    if (sorted.slice(0, present.length).some(isMissing)) return "missing values are not last";
  }
  const numbers = present.map(number);
  if (numbers.some(Number.isNaN) || present.some((words) => /^[\d.]+[-:\w]/.test(words))) return "";
  const isOrdered = (values) => values.every((value, at) => !at || values[at - 1] <= value);
  const values = (sorted) => sorted.slice(0, present.length).map(number);
  if (!isOrdered(values(up))) return `not ascending: ${up}`;
  if (!isOrdered(values(down).reverse())) return `not descending: ${down}`;
  return "";
}

async function filtering(page, table) {
  const rows = await table.evaluate((each) => (each.tBodies[0] ? each.tBodies[0].rows.length : 0));
  const box = await table.evaluateHandle((each) => {
    const scroll = each.closest(".scroll") || each;
    const before = scroll.previousElementSibling;
    return before && before.matches(".filter") ? before : null;
  });
  const filter = box.asElement();
  if (!filter) return rows > 8 ? [`a table with ${rows} rows has no filter`] : [];
  const input = await filter.$("input");
  const shown = () => table.evaluate((each) => [...each.tBodies[0].rows].filter((row) => row.checkVisibility()).map((row) => row.textContent));
  const word = await table.evaluate((each) => [...each.tBodies[0].rows].at(-1).cells[0].textContent.trim().split(/\s+/)[0]);
  const expected = (await shown()).filter((row) => row.toLowerCase().includes(word.toLowerCase())).length;
  await input.fill(word.toUpperCase());
  const [found, said] = [(await shown()).length, await filter.$eval("output", (each) => [each.textContent, each.getAttribute("aria-live")])];
  await input.fill("no row has this");
  const none = (await shown()).length;
  await input.fill("");
  const all = (await shown()).length;
  const isRight = found === expected && said[0] === `${expected} of ${rows} rows` && said[1] === "polite" && none === 0 && all === rows;
  return isRight ? [] : [`filter "${word}": ${found} of ${expected} rows, says "${said}", then ${none} and ${all}`];
}
