// Charts: buttons on legend entries, and values under the pointer and by keyboard. All of it lies over the drawings, with
// lengths as fractions of them, since they are scaled.

// Puts an element over a part of a drawing, in the units of the SVG.
function placeOver(element, svg, [left, top, right, bottom]) {
  const { width, height } = svg.viewBox.baseVal;
  const lengths = { left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height };
  for (const name in lengths) element.style[name] = `${100 * lengths[name]}%`;
}

// Returns the drawings of a figure, one per width: element around it, SVG, panels with their frames.
function drawingsOf(figure) {
  return [...figure.querySelectorAll("svg.chart")].map((svg) => {
    const box = make("div", { className: `drawing ${svg.classList[1]}` });
    svg.replaceWith(box);
    box.append(svg);
    const panels = [...svg.querySelectorAll(".panel")].map((group) => (
      { group, frame: group.dataset.frame.split(" ").map(Number), at: Number(group.dataset.panel) }));
    return { box, svg, panels };
  });
}

function titleOf(figure) {
  return text(figure.querySelector("h3, h4")) || figure.querySelector("svg").getAttribute("aria-label");
}

// Makes legend entries buttons that hide `parts`: `valueOf(part, panel)` is the `data-ATTRIBUTE` of its entry.
function addLegend(drawings, attribute, parts, hidden, valueOf) {
  const entries = drawings.flatMap(({ box, svg }) =>
    [...svg.querySelectorAll(`.entry[data-${attribute}]`)].map((entry) => {
      const button = make("button", { type: "button", className: "legend", ariaLabel: text(entry), ariaPressed: "true" });
      return { box, svg, entry, button, value: Number(entry.dataset[attribute]) };
    }));
  if (new Set(entries.map(({ value }) => value)).size < 2) return;
  const toggle = (clicked) => {
    if (!hidden.delete(clicked)) hidden.add(clicked);
    for (const { button, entry, value } of entries) {
      button.ariaPressed = String(!hidden.has(value));
      entry.classList.toggle("dim", hidden.has(value));
    }
    for (const { group, at } of drawings.flatMap(({ panels }) => panels)) {
      group.querySelectorAll(parts).forEach((part) => part.classList.toggle("off", hidden.has(valueOf(part, at))));
    }
  };
  entries.forEach(({ button, value }) => button.addEventListener("click", () => toggle(value)));
  // Sizes are known only while a drawing is shown.
  const place = () => {
    for (const { box, svg, entry, button } of entries) {
      if (button.isConnected || !svg.getClientRects().length) continue;
      const { x, y, width, height } = entry.getBBox();
      placeOver(button, svg, [x - 4, y - 3, Math.min(x + width + 4, svg.viewBox.baseVal.width), y + height + 3]);
      box.append(button);
    }
  };
  window.addEventListener("resize", place);
  document.addEventListener("toggle", place, true);
  place();
}

// Adds a reader to each panel, with a source of `count()`, `nearest(x, y)` (an index or -1) and `at(index)`: a position and
// the `rows` beside it.
function addReaders(figure, drawings, panels, sourceOf) {
  for (const { box, svg, panels: places } of drawings) {
    for (const place of places) {
      const label = ["Values", titleOf(figure), panels[place.at].title].filter(Boolean).join(", ");
      const reader = make("div", { className: "reader", role: "slider", tabIndex: 0, ariaLabel: label });
      placeOver(reader, svg, place.frame);
      box.append(reader);
      read(reader, place.frame, sourceOf(place));
    }
  }
}

function read(reader, [left, top, right, bottom], source) {
  const cursor = make("div", { className: "cursor" });
  const note = make("div", { className: "values" });
  let index = 0;
  const hide = () => [cursor, note].forEach((each) => each.remove());

  function describe() {
    const { x, y, rows } = source.count() ? source.at(index) : { x: left, y: top, rows: ["nothing is shown"] };
    note.replaceChildren(...rows);
    reader.ariaValueMax = String(Math.max(source.count() - 1, 0));
    reader.ariaValueNow = String(index);
    reader.ariaValueText = [...note.childNodes].map(text).filter(Boolean).join("; ");
    return [(x - left) / (right - left), (y - top) / (bottom - top)];
  }

  function show(next) {
    if (next < 0) return hide();
    index = Math.max(0, Math.min(next, source.count() - 1));
    const [across, down] = describe();
    Object.assign(cursor.style, { left: `${100 * across}%`, top: `${100 * down}%` });
    const [near, far, part] = across < 0.5 ? ["left", "right", across] : ["right", "left", 1 - across];
    const room = { [near]: `calc(${100 * part}% + 12px)`, [far]: "auto", maxWidth: `calc(${100 - 100 * part}% - 12px)` };
    Object.assign(note.style, room);
    return reader.append(cursor, note);
  }

  function point({ clientX, clientY }) {
    const bounds = reader.getBoundingClientRect();
    const [across, down] = [(clientX - bounds.left) / bounds.width, (clientY - bounds.top) / bounds.height];
    show(source.nearest(left + across * (right - left), top + down * (bottom - top)));
  }

  function move(event) {
    const [before, after] = [index - 1, index + 1];
    const moves = { ArrowRight: after, ArrowUp: after, ArrowLeft: before, ArrowDown: before, Home: 0, End: Infinity };
    const next = moves[event.key];
    if (event.key === "Escape") hide();
    if (next === undefined) return;
    event.preventDefault();
    show(Math.max(0, next));
  }

  ["pointermove", "pointerdown"].forEach((name) => reader.addEventListener(name, point));
  ["pointerleave", "blur"].forEach((name) => reader.addEventListener(name, hide));
  reader.addEventListener("focus", () => { if (reader.matches(":focus-visible")) show(index); });
  reader.addEventListener("keydown", move);
  describe();
}
