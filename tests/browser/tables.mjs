// Sorting and filtering, of the tables in scroll areas.

export async function tables(page) {
  const problems = [];
  const all = await page.$$("main .scroll table");
  for (const table of all) {
    problems.push(...await sorting(table), ...await filtering(page, table));
  }
  return problems;
}

// The number at the beginning of a cell, by another way than the script of the page: what is not part of it is removed.
export function number(words) {
  const plain = words.replace(/^p /, "").replace(/−/g, "-").replace(/^[<=>]\s*/, "").replace(/,/g, "");
  const duration = plain.match(/^([\d.]+) (s|min|h)(?: (\d+) (s|min))?$/);
  const seconds = { s: 1, min: 60, h: 3600 };
  if (duration) return duration[1] * seconds[duration[2]] + (duration[4] ? duration[3] * seconds[duration[4]] : 0);
  return Number.parseFloat(plain);
}

const isMissing = (words) => ["", "–", "missing"].includes(words);

// Clicks each header three times and returns the contents of the column below it, before and after each click.
function clicked(table) {
  const rows = table.tBodies[0] ? [...table.tBodies[0].rows] : [];
  if (rows.length < 2) return { columns: 0, results: [] };
  const content = (at) => [...table.tBodies[0].rows].map((row) => row.cells[at].textContent.replace(/\s+/g, " ").trim());
  const results = [...table.querySelectorAll("thead button")].map((button) => {
    const header = button.closest("th");
    const { left, right } = header.getBoundingClientRect();
    const at = [...rows[0].cells].findIndex((cell) => cell.getBoundingClientRect().right > (left + right) / 2);
    const before = content(at);
    const orders = [1, 2, 3].map(() => {
      button.click();
      return [content(at), header.getAttribute("aria-sort")];
    });
    return { at, name: button.textContent, before, orders };
  });
  return { title: table.closest("[aria-label]").ariaLabel, columns: rows[0].cells.length, results };
}

async function sorting(table) {
  const { title, columns, results } = await table.evaluate(clicked);
  const sorted = new Set(results.map(({ at }) => at)).size;
  if (sorted !== columns) return [`table ${title}: ${sorted} of ${columns} columns can be sorted`];
  return results.flatMap(({ name, before, orders }) => {
    const wrong = checkOrders(before, orders);
    return wrong ? [`table ${title}, ${name}: ${wrong}`] : [];
  });
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
