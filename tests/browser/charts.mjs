// Charts: values under the pointer and by keyboard, legend, axes.

export async function charts(page) {
  const problems = [];
  for (const figure of await page.$$("main figure:has(script.chart-data)")) {
    const title = await figure.evaluate((each) => each.id);
    const found = [...await reading(page, figure), ...await legend(figure), ...await axes(figure)];
    problems.push(...found.map((problem) => `figure ${title}: ${problem}`));
  }
  return problems;
}

const visible = async (figure, selector) => {
  const shown = [];
  for (const each of await figure.$$(selector)) if (await each.isVisible()) shown.push(each);
  return shown;
};

// The data of the panel that a reader is over.
const panelOf = (reader) => reader.evaluate((each) => {
  const readers = [...each.parentElement.querySelectorAll(".reader")];
  return JSON.parse(each.closest("figure").querySelector("script.chart-data").textContent).panels[readers.indexOf(each)];
});

async function reading(page, figure) {
  const problems = [];
  const readers = await visible(figure, ".reader");
  if (!readers.length) return ["has no place to read values"];
  for (const reader of readers) {
    const panel = await panelOf(reader);
    await reader.scrollIntoViewIfNeeded();
    await reader.focus();
    await page.keyboard.press("Home");
    const first = await values(reader);
    await page.keyboard.press("End");
    const last = await values(reader);
    const expected = ends(panel);
    if (expected && !(first.text.includes(expected.first) && last.text.includes(expected.last))) {
      problems.push(`shows "${first.text}" and "${last.text}" instead of ${expected.first} and ${expected.last}`);
    }
    for (const { text, words, box } of [first, last]) {
      if (!text) problems.push("shows nothing by keyboard");
      if (!words) problems.push("says nothing");
      if (box && (box.left < 0 || box.right > box.page)) problems.push(`shows values from ${box.left} to ${box.right} px`);
    }
    await reader.evaluate((each) => each.blur());
    problems.push(...await pointing(page, reader, panel));
  }
  return problems;
}

const values = (reader) => reader.evaluate((each) => {
  const note = each.querySelector(".values");
  const box = note && note.getBoundingClientRect();
  return { text: note ? note.textContent : "", words: each.ariaValueText, box: box && { left: box.left, right: box.right, page: document.documentElement.clientWidth } };
});

// How the values at the ends of the first series are written.
function ends(panel) {
  if (!panel.series) return null;
  const written = (y) => {
    if (panel.y.format === "percent") return (Math.round(1000 * y) / 10).toFixed(1);
    if (panel.y.format === "points") return Math.abs(100 * y).toFixed(1);
    return Math.abs(y) < 1e-3 && y !== 0 ? y.toExponential(2).replace(/e.*/, "") : String(Number(y.toPrecision(4)));
  };
  const points = panel.series.flatMap(({ points: all }) => all).filter(([, y]) => y !== null);
  if (!points.length) return null;
  const xs = points.map(([x]) => x);
  const at = (x) => written(points.find((point) => point[0] === x)[1]).replace("-", "−");
  return { first: at(Math.min(...xs)), last: at(Math.max(...xs)) };
}

// Points at something that is drawn, then away from it.
async function pointing(page, reader, panel) {
  const { x, y, width, height } = await reader.boundingBox();
  const target = panel.series ? [x + width / 2, y + height / 2] : await reader.evaluate((each) => {
    const panels = [...each.parentElement.querySelectorAll(".panel")];
    const readers = [...each.parentElement.querySelectorAll(".reader")];
    const path = panels[readers.indexOf(each)].querySelector(".points path");
    const [, px, py] = path.getAttribute("d").match(/M(-?[\d.]+) (-?[\d.]+)/);
    const place = new DOMPoint(Number(px), Number(py)).matrixTransform(path.getScreenCTM());
    return [place.x, place.y];
  });
  await page.mouse.move(...target);
  const { text } = await values(reader);
  await page.mouse.move(0, 0);
  const after = await values(reader);
  if (!text) return ["shows nothing under the pointer"];
  return after.text ? ["still shows values after the pointer left"] : [];
}

// The center on the screen of the first point of a panel, and where its image is on the sheet of thumbnails.
const firstPoint = (reader) => reader.evaluate((each) => {
  const [panels, readers] = [".panel", ".reader"].map((name) => [...each.parentElement.querySelectorAll(name)]);
  const part = panels[readers.indexOf(each)].querySelector(".points");
  const path = part.querySelector("path");
  const [, px, py] = path.getAttribute("d").match(/M(-?[\d.]+) (-?[\d.]+)/);
  const place = new DOMPoint(Number(px), Number(py)).matrixTransform(path.getScreenCTM());
  const figure = each.closest("figure");
  const { labels } = JSON.parse(figure.querySelector("script.chart-data").textContent).panels[readers.indexOf(each)];
  const script = figure.querySelector("script.points");
  const at = JSON.parse(script.textContent)[labels.indexOf(Number(part.dataset.class))];
  const { side, columns } = document.getElementById(`sheet-${script.dataset.sheet}`).dataset;
  const box = [(at % columns) * side, Math.floor(at / columns) * side, side, side].join(" ");
  return { x: place.x, y: place.y, box };
});

// A point has its image under the pointer.
export async function thumbnails(page) {
  const readers = [];
  for (const figure of await page.$$("main figure:has(script.points)")) readers.push(...await visible(figure, ".reader"));
  if (!readers.length) return ["no figure has images of its points"];
  const problems = [];
  for (const reader of readers) {
    await reader.scrollIntoViewIfNeeded();
    const { x, y, box } = await firstPoint(reader);
    await page.mouse.move(x, y);
    const shown = await reader.$$eval(".values .thumbnail", (all) => all.map((each) => each.getAttribute("viewBox")));
    if (shown.join() !== box) problems.push(`the image under the pointer is at ${shown} instead of ${box}`);
    await page.mouse.move(0, 0);
  }
  return problems;
}

async function legend(figure) {
  const problems = [];
  const buttons = await visible(figure, "button.legend");
  const entries = await visible(figure, ".entry");
  if (entries.length > 1 && buttons.length !== entries.length) problems.push(`${buttons.length} buttons on ${entries.length} legend entries`);
  // One by the pointer, the others faster.
  if (buttons.length) await buttons[0].click();
  const pressed = buttons.length && await buttons[0].getAttribute("aria-pressed");
  if (pressed === "true") problems.push("a click does not hide a series");
  if (buttons.length) await buttons[0].click();
  for (const button of buttons) {
    const { name, before, during, after, state } = await button.evaluate((each) => {
      const parts = [...each.closest("figure").querySelectorAll(".series, .points")];
      const shown = () => parts.filter((part) => getComputedStyle(part).display !== "none").length;
      const count = { name: each.ariaLabel, before: shown() };
      each.click();
      Object.assign(count, { during: shown(), state: each.ariaPressed });
      each.click();
      return { ...count, after: shown() };
    });
    if (during >= before || state !== "false" || after !== before) {
      problems.push(`the legend button ${name} changes ${before} series to ${during}, then ${after}`);
    }
  }
  return problems;
}

// The outlines of a figure, and its texts.
const drawn = (figure) => figure.$$eval(".panel path, .panel text, .panel g", (all) => all.filter((each) => each.checkVisibility()).map((each) => [each.getAttribute("d"), (each.getAttribute("transform") || "").replace("translate(0 0)", ""), each.tagName === "text" && each.textContent].join()).join("\n"));

async function axes(figure) {
  const problems = [];
  const before = await drawn(figure);
  const box = await figure.$(".controls input[type=checkbox]");
  if (box) {
    await box.check();
    const [during, off] = [await drawn(figure), await outside(figure)];
    await box.uncheck();
    if (during === before) problems.push("the logarithmic scale changes nothing");
    if (/NaN|Infinity/.test(during)) problems.push("the logarithmic scale has no place for something");
    if (off) problems.push(`with a logarithmic scale, ${off}`);
  }
  const select = await figure.$(".controls select");
  for (const value of select ? await select.$$eval("option", (all) => all.map((each) => each.value).filter(Boolean)) : []) {
    await select.selectOption(value);
    const [during, off] = [await drawn(figure), await outside(figure)];
    await select.selectOption("");
    if (during === before || !during.includes(value)) problems.push(`the axis ${value} is not shown`);
    if (off) problems.push(`with ${value}, ${off}`);
  }
  if (await drawn(figure) !== before) problems.push("the axes do not come back");
  return problems;
}

// What leaves its panel or overlaps with another text of it.
const outside = (figure) => figure.evaluate((each) => {
  const svg = [...each.querySelectorAll("svg.chart")].find((one) => one.checkVisibility());
  for (const panel of svg.querySelectorAll(".panel")) {
    const [left, top, right, bottom] = panel.dataset.frame.split(" ").map(Number);
    for (const line of panel.querySelectorAll(".series .line")) {
      const box = line.getBBox();
      if (box.x < left - 12 || box.y < top - 6 || box.x + box.width > right + 12 || box.y + box.height > bottom + 6) return "a line leaves its panel";
    }
    const texts = [...panel.querySelectorAll(".axis-x text, .axis-y text")].map((one) => [one.getBoundingClientRect(), one.textContent]);
    for (const [at, [a, first]] of texts.entries()) {
      for (const [b, second] of texts.slice(at + 1)) {
        if (a.left < b.right && b.left < a.right && a.top + 3 < b.bottom - 3 && b.top + 3 < a.bottom - 3) return `"${first}" and "${second}" overlap`;
      }
    }
  }
  return "";
});
