const MAX_UNFILTERED = 8;
const NUMBER = /(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?/gi;
// A bound, a sign, a number, and what does not continue a date or name.
const LEADING = /^(?:p )?([<>=≤≥≈]? ?)([+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?![\w:.-])/i;
const UNITS = { ms: 1e-3, s: 1, min: 60, h: 3600, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

const plain = (words) => words.replace(/\u2212/g, "-");
const isMissing = (words) => ["", "–", "-", "missing", "NaN"].includes(words);
const parsed = (digits) => Number(digits.replace(/,/g, ""));

// Returns the number that a text begins with: "41.3 %", "−2.9", "10 % (20)", "p < .001", "4 min 05 s", "1.2 GB".
function leading(words) {
  const start = plain(words).match(LEADING);
  if (!start) return NaN;
  const rest = plain(words).slice(start[0].length);
  const unit = UNITS[(rest.match(/^ ([a-zA-Z]+)/) || [])[1]] || 1;
  const minor = rest.match(/^ (?:h|min) (\d+) (min|s)$/);
  const value = parsed(start[2]) * unit + (minor ? minor[1] * UNITS[minor[2]] : 0);
  // A bound sorts beside its value.
  const shift = { "<": -1e-9, ">": 1e-9 }[start[1].trim()] || 0;
  return value + shift * Math.abs(value);
}

// Compares texts with their numbers as numbers: "depth 2" before "depth 10", "rate 0.05" before "rate 0.1".
function compareNatural(a, b) {
  const parts = (words) => [words.split(NUMBER), words.match(NUMBER) || []];
  const [[wordsA, numbersA], [wordsB, numbersB]] = [parts(plain(a)), parts(plain(b))];
  const order = (at) => wordsA[at].localeCompare(wordsB[at], "en") || parsed(numbersA[at] || "0") - parsed(numbersB[at] || "0");
  const differing = wordsA.findIndex((_, at) => at >= wordsB.length || order(at));
  return wordsB[differing] === undefined ? wordsA.length - wordsB.length : order(differing);
}

function comparator(cells) {
  const areNumbers = cells.every((words) => isMissing(words) || !Number.isNaN(leading(words)));
  return areNumbers ? (a, b) => leading(a) - leading(b) : compareNatural;
}

function sortRows(table, { column, direction, original }) {
  const rows = direction ? [...table.tBodies[0].rows] : original;
  const key = (row) => text(row.cells[column]);
  const compare = comparator(rows.map(key));
  const order = (a, b) => isMissing(a) - isMissing(b) || (isMissing(a) ? 0 : (direction === "ascending" ? 1 : -1) * compare(a, b));
  if (direction) rows.sort((a, b) => order(key(a), key(b)));
  table.tBodies[0].append(...rows);
}

function addSorting(table, headers) {
  const state = { column: -1, direction: "", original: [...table.tBodies[0].rows] };
  const next = { "": "ascending", ascending: "descending", descending: "" };
  headers.forEach((header, column) => {
    if (!text(header)) return;
    const button = make("button", { type: "button", className: "sort" }, ...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      state.direction = next[state.column === column ? state.direction : ""];
      state.column = column;
      headers.forEach((each) => each.removeAttribute("aria-sort"));
      if (state.direction) header.setAttribute("aria-sort", state.direction);
      sortRows(table, state);
    });
  });
}

function addFilter(table) {
  const area = table.closest(".scroll");
  const rows = [...table.tBodies[0].rows];
  const input = make("input", { type: "search", ariaLabel: `Filter rows: ${area.ariaLabel}` });
  const count = make("output", { ariaLive: "polite" });
  const box = make("div", { className: "filter" }, make("label", {}, "Filter rows ", input), count);
  area.before(box);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    rows.forEach((row) => { row.hidden = !words.every((word) => text(row).toLowerCase().includes(word)); });
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = input.value ? `${shown} of ${rows.length} rows` : "";
  });
}

// Returns the lowest header of each column.
function headersOf(head) {
  const columns = [];
  [...head.rows].forEach((row, line) => {
    let at = 0;
    for (const cell of row.cells) {
      while (columns[at] && columns[at].end > line) at += 1;
      for (let next = at + cell.colSpan; at < next; at += 1) columns[at] = { cell, end: line + cell.rowSpan };
    }
  });
  return columns.map(({ cell }) => cell);
}

for (const table of document.querySelectorAll(".scroll table")) {
  const headers = table.tHead ? headersOf(table.tHead) : [];
  const rows = table.tBodies.length === 1 ? [...table.tBodies[0].rows] : [];
  if (rows.length < 2 || rows.some((row) => row.cells.length !== headers.length)) continue;
  addSorting(table, headers);
  if (rows.length > MAX_UNFILTERED) addFilter(table);
}
