const SVG = "http://www.w3.org/2000/svg";
// Other horizontal axes: title, and key of the data.
const OTHER_AXES = { Step: "steps", "Time (s, even epochs)": "seconds" };

function lineChart(figure, { panels }) {
  const drawings = drawingsOf(figure);
  const state = { x: "", isLog: false, hidden: new Set() };
  addLegend(drawings, "key", ".series", state.hidden, (part, at) => panels[at].series[part.dataset.series].key);
  addReaders(figure, drawings, panels, ({ at, frame }) => lineSource(panels[at], frame, state));
  addAxisControls(figure, panels, state, () => {
    drawings.forEach((drawing) => drawing.panels.forEach((place) => redrawPanel(place, panels[place.at], state)));
  });
}

function axesOf(panel, state) {
  const shown = { x: panel.x, y: panel.y };
  if (state.x) shown.x = counted(state.x, panel.series.flatMap((series) => series[OTHER_AXES[state.x]]));
  if (state.isLog) shown.y = logarithmic(panel.y, valuesOf(panel)) || panel.y;
  return shown;
}

function valuesOf(panel) {
  return [...panel.series.flatMap((series) => placed(series).map(([, y]) => y)), ...panel.references.map(({ y }) => y)];
}

const xOf = (series, at, state) => (state.x ? series[OTHER_AXES[state.x]][at] : series.points[at][0]);

function lineSource(panel, [left, top, right], state) {
  const visible = () => panel.series.filter((series) => !state.hidden.has(series.key));
  const isBaseline = ({ marked, points }) => !marked && points.length === 2 && points[0][1] === points[1][1];
  const xsOf = (series) => series.points.map(([, y], at) => (y === null || isBaseline(series) ? null : xOf(series, at, state)));
  const places = () => [...new Set(visible().flatMap(xsOf))].filter((x) => x !== null).sort((a, b) => a - b);
  const across = (x) => left + fraction(axesOf(panel, state).x, x) * (right - left);
  return {
    count: () => places().length,
    nearest: (x) => nearest(places().map((each) => Math.abs(across(each) - x))),
    at: (index) => {
      const x = places()[index];
      const axes = axesOf(panel, state);
      const rows = visible().flatMap((series) => {
        const at = isBaseline(series) ? 0 : xsOf(series).indexOf(x);
        return at < 0 ? [] : [valueRow(series, at, axes.y)];
      });
      return { x: across(x), y: top, rows: [make("strong", {}, `${axes.x.title} ${written(x, axes.x)}`), ...rows] };
    },
  };
}

function nearest(distances, limit = Infinity) {
  const least = Math.min(...distances);
  return least < limit ? distances.indexOf(least) : -1;
}

function valueRow({ name, points, intervals = [], best, class: color }, at, axis) {
  const interval = intervals[at] ? ` (${intervals[at].map((end) => written(end, axis)).join(" to ")})` : "";
  const value = written(points[at][1], axis) + interval + (best === at ? ", kept" : "");
  return make("span", {}, make("span", { className: `swatch ${color}` }), name && `${name}: `, make("b", {}, value));
}

function addAxisControls(figure, panels, state, redraw) {
  const controls = make("div", { className: "controls" });
  const all = panels.flatMap((panel) => panel.series);
  const others = Object.keys(OTHER_AXES).filter((name) => all.every((series) => series[OTHER_AXES[name]]));
  if (others.length) {
    const options = others.map((name) => make("option", { value: name }, name));
    const select = make("select", { ariaLabel: `Horizontal axis: ${titleOf(figure)}` },
      make("option", { value: "" }, panels[0].x.title), ...options);
    select.addEventListener("change", () => { state.x = select.value; redraw(); });
    controls.append(make("label", {}, "Horizontal axis ", select));
  }
  if (panels.some(({ x, y, ...panel }) => x.format !== "category" && y.scale === "linear" && logarithmic(y, valuesOf(panel)))) {
    const box = make("input", { type: "checkbox", ariaLabel: `Logarithmic scale: ${titleOf(figure)}` });
    box.addEventListener("change", () => { state.isLog = box.checked; redraw(); });
    controls.append(make("label", {}, box, " Logarithmic scale"));
  }
  if (controls.children.length) figure.querySelector(".plot").before(controls);
}

// Children of axes and outlines of paths at the start.
const originals = new Map();

function original(part, read) {
  if (!originals.has(part)) originals.set(part, read());
  return originals.get(part);
}

function redrawPanel({ group, frame: [left, top, right, bottom] }, panel, state) {
  const axes = axesOf(panel, state);
  const down = (axis, y) => bottom - fraction(axis, y) * (bottom - top);
  const across = (axis, x) => left + fraction(axis, x) * (right - left);
  redrawTicks(group.querySelector(".axis-y"), panel.y, axes.y, (axis, y) => [0, down(axis, y)]);
  redrawTicks(group.querySelector(".axis-x"), panel.x, axes.x, (axis, x) => [across(axis, x), 0]);
  for (const line of group.querySelectorAll(".reference")) {
    const { y } = panel.references[line.dataset.reference];
    line.setAttribute("transform", `translate(0 ${down(axes.y, y) - down(panel.y, y)})`);
  }
  for (const part of group.querySelectorAll(".series")) {
    const series = panel.series[part.dataset.series];
    const dodge = Number(part.dataset.dodge || 0);
    const moves = placed(series).map(([at, y]) => {
      const [x0, y0] = [across(panel.x, series.points[at][0]) + dodge, down(panel.y, y)];
      return { x0, y0, dx: across(axes.x, xOf(series, at, state)) + dodge - x0, dy: down(axes.y, y) - y0 };
    });
    part.querySelectorAll("path").forEach((path) => movePath(path, moves));
  }
}

// Returns all values of a series: index of point, and y.
function placed({ points, singles = [], intervals = [] }) {
  const ofSingles = singles.map(([x, y]) => [points.findIndex((point) => point[0] === x), y]);
  const ends = intervals.flatMap(([low, high], at) => [[at, low], [at, high]]);
  return [...points.map(([, y], at) => [at, y]), ...ofSingles, ...ends].filter(([at, y]) => at >= 0 && y !== null);
}

// Moves each absolute place of a path like the value that it belongs to: the nearest one.
function movePath(path, moves) {
  const outline = original(path, () => path.getAttribute("d"));
  path.setAttribute("d", outline.replace(/([ML])(-?[\d.]+) (-?[\d.]+)/g, (_, command, x, y) => {
    const distance = ({ x0, y0 }) => Math.hypot(x0 - x, y0 - y);
    const { dx, dy } = moves.reduce((best, move) => (distance(move) < distance(best) ? move : best));
    return command + [Number(x) + dx, Number(y) + dy].map((length) => Number(length.toFixed(1))).join(" ");
  }));
}

// Repeats the first tick at the new places; the last text of a horizontal axis is its title.
function redrawTicks(group, old, axis, place) {
  group.replaceChildren(...original(group, () => [...group.childNodes]));
  if (axis === old) return;
  const texts = [...group.querySelectorAll("text")];
  const [path, label, title] = [group.querySelector("path"), texts[0], texts[texts.length - 1].cloneNode()];
  const first = place(old, old.ticks[0][0]);
  const ticks = axis.ticks.map(([value, words]) => {
    const moved = document.createElementNS(SVG, "g");
    const [x, y] = place(axis, value);
    moved.setAttribute("transform", `translate(${x - first[0]} ${y - first[1]})`);
    moved.append(path.cloneNode(), label.cloneNode());
    moved.lastChild.textContent = words;
    return moved;
  });
  title.textContent = axis.title;
  group.replaceChildren(...ticks, ...(group.classList.contains("axis-x") ? [title] : []));
}
