// Scatter plots: classes that can be hidden, and class and image of the point under the pointer.

const THUMBNAIL = 96;

function pointChart(figure, { classes, panels }) {
  const drawings = drawingsOf(figure);
  const hidden = new Set();
  const script = figure.querySelector("script.points");
  const images = script ? JSON.parse(script.textContent) : [];
  addLegend(drawings, "class", ".points", hidden, (part) => Number(part.dataset.class));
  for (const drawing of drawings) {
    for (const place of drawing.panels) {
      const panel = panels[place.at];
      const label = [`Points of ${titleOfFigure(figure)}`, panel.title].filter(Boolean).join(", ");
      addReader(drawing, place, label, pointReading(place.group, panel, { classes, hidden, images }));
    }
  }
}

function pointReading(group, { labels }, { classes, hidden, images }) {
  const points = pointsOf(group, labels);
  const visible = () => points.filter(({ label }) => !hidden.has(label));
  return {
    kind: "point",
    count: () => visible().length,
    nearest: (x, y) => {
      const distances = visible().map((point) => Math.hypot(point.x - x, point.y - y));
      const least = Math.min(...distances);
      return least < FAR ? distances.indexOf(least) : -1;
    },
    at: (index) => {
      const { x, y, label, image } = visible()[index];
      const name = classes[label] || "no class";
      const swatch = make("span", { className: `swatch class-${label % 8}` });
      return { x, y, rows: [make("span", {}, swatch, name), ...thumbnail(images[image])], words: name };
    },
  };
}

// Returns the points of a panel in the order of the images. Those of a class are the `M`s of its path.
function pointsOf(group, labels) {
  const points = [];
  for (const part of group.querySelectorAll(".points")) {
    const label = Number(part.dataset.class);
    const own = labels.flatMap((each, image) => (each === label ? [image] : []));
    const centers = [...part.querySelector("path").getAttribute("d").matchAll(/M(-?[\d.]+) (-?[\d.]+)/g)];
    centers.forEach(([, x, y], at) => points.push({ x: Number(x), y: Number(y), label, image: own[at] }));
  }
  return points.sort((a, b) => a.image - b.image);
}

// Returns an element with an image of the page's sprite, if it has this one.
function thumbnail(at) {
  const sprite = document.getElementById("images");
  if (!sprite || at === null || at === undefined) return [];
  const [columns, size] = [Number(sprite.dataset.columns), Number(sprite.dataset.size)];
  const attributes = (element, values) => Object.entries(values).forEach(([name, value]) => element.setAttribute(name, value));
  const [svg, use] = ["svg", "use"].map((name) => document.createElementNS(SVG, name));
  attributes(svg, { class: "thumbnail", width: THUMBNAIL, height: THUMBNAIL,
    viewBox: `${(at % columns) * size} ${Math.floor(at / columns) * size} ${size} ${size}` });
  // The symbol is clipped to this size, which must contain the whole sprite.
  attributes(use, { href: "#images", width: columns * size, height: (Math.floor(at / columns) + 1) * size });
  svg.append(use);
  return [svg];
}

for (const script of document.querySelectorAll("script.chart-data")) {
  const data = JSON.parse(script.textContent);
  const add = { lines: lineChart, points: pointChart }[data.kind];
  if (add) add(script.closest("figure"), data);
}
