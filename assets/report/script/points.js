// Maximum distance of a point from the pointer.
const FAR = 30;

function pointChart(figure, { classes, panels }) {
  const drawings = drawingsOf(figure);
  const hidden = new Set();
  const script = figure.querySelector("script.points");
  const images = script ? JSON.parse(script.textContent) : [];
  const sheet = script && document.getElementById(`sheet-${script.dataset.sheet || 0}`);
  addLegend(drawings, "class", ".points", hidden, (part) => Number(part.dataset.class));
  addReaders(figure, drawings, panels, ({ group, at }) => {
    const points = pointsOf(group, panels[at].labels);
    const visible = () => points.filter(({ label }) => !hidden.has(label));
    return {
      count: () => visible().length,
      nearest: (x, y) => nearest(visible().map((point) => Math.hypot(point.x - x, point.y - y)), FAR),
      at: (index) => {
        const { x, y, label, color, image } = visible()[index];
        const name = make("span", {}, make("span", { className: `swatch ${color}` }), classes[label] || "no class");
        return { x, y, rows: [name, ...thumbnail(sheet, images[image])] };
      },
    };
  });
}

// Returns the points of a panel in the order of the images; those of a class are the `M`s of its path.
function pointsOf(group, labels) {
  const points = [];
  for (const part of group.querySelectorAll(".points")) {
    const label = Number(part.dataset.class);
    const color = part.classList[1];
    const own = labels.flatMap((each, image) => (each === label ? [image] : []));
    const centers = [...part.querySelector("path").getAttribute("d").matchAll(/M(-?[\d.]+) (-?[\d.]+)/g)];
    centers.forEach(([, x, y], at) => points.push({ x: Number(x), y: Number(y), label, color, image: own[at] }));
  }
  return points.sort((a, b) => a.image - b.image);
}

// Returns an element with an image of a sheet, if it has this one.
function thumbnail(sheet, at) {
  if (!sheet || !(at >= 0)) return [];
  const [columns, side] = [Number(sheet.dataset.columns), Number(sheet.dataset.side)];
  const [svg, use] = ["svg", "use"].map((name) => document.createElementNS(SVG, name));
  svg.setAttribute("class", "thumbnail");
  svg.setAttribute("viewBox", [(at % columns) * side, Math.floor(at / columns) * side, side, side].join(" "));
  use.setAttribute("href", `#${sheet.id}`);
  svg.append(use);
  return [svg];
}

// Epochs evenly over the seconds of a stage.
const stageSeconds = JSON.parse(document.getElementById("seconds-by-name")?.textContent || "{}");
function addSeconds({ panels }) {
  for (const series of panels.flatMap((panel) => panel.series || [])) {
    const [took, last] = [stageSeconds[series.stage], series.points.at(-1)?.[0]];
    if (took && last) series.seconds = series.points.map(([epoch]) => (took * epoch) / last);
  }
}

for (const script of document.querySelectorAll("script.chart-data")) {
  const data = JSON.parse(script.textContent);
  addSeconds(data);
  (data.kind === "lines" ? lineChart : pointChart)(script.closest("figure"), data);
}
