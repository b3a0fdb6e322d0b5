// Charts: buttons on legend entries, and the values at a place of a panel, under the pointer and by keyboard.
//
// Everything is laid over the drawings, whose figures are complete without it. Lengths are fractions of the drawing, since
// it is scaled with the page.

const FAR = 30;

// Puts an element over a part of a drawing; `box` is left, top, right and bottom in the units of the SVG.
function placeOver(element, svg, [left, top, right, bottom]) {
  const { width, height } = svg.viewBox.baseVal;
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  element.style.left = percent(left, width);
  element.style.top = percent(top, height);
  element.style.width = percent(right - left, width);
  element.style.height = percent(bottom - top, height);
}

// Returns the drawings of a figure, one per width: element around it, SVG, and panels with their frames.
function drawingsOf(figure) {
  return [...figure.querySelectorAll("svg.chart")].map((svg) => {
    const box = make("div", { className: `drawing ${svg.classList.contains("narrow") ? "narrow" : "wide"}` });
    svg.replaceWith(box);
    box.append(svg);
    const panels = [...svg.querySelectorAll(".panel")].map((group) => ({
      group,
      frame: group.dataset.frame.split(" ").map(Number),
      at: Number(group.dataset.panel),
    }));
    return { box, svg, panels };
  });
}

const titleOfFigure = (figure) => {
  const heading = figure.querySelector("h3, h4");
  return heading ? text(heading) : figure.querySelector("svg").getAttribute("aria-label");
};

// Makes each legend entry a button that hides what it stands for: `attribute` is "key" or "class", `parts` are the elements
// to hide, and `valueOf(part, panel)` is what they belong to.
function addLegend(drawings, attribute, parts, hidden, valueOf) {
  const entries = drawings.flatMap(({ box, svg }) =>
    [...svg.querySelectorAll(`.entry[data-${attribute}]`)].map((entry) => {
      const button = make("button", { type: "button", className: "legend", ariaLabel: text(entry), ariaPressed: "true" });
      return { box, svg, entry, button, value: Number(entry.dataset[attribute]) };
    }));
  if (new Set(entries.map(({ value }) => value)).size < 2) return;
  const update = () => {
    for (const { button, entry, value } of entries) {
      button.ariaPressed = String(!hidden.has(value));
      entry.classList.toggle("dim", hidden.has(value));
    }
    for (const { group, at } of drawings.flatMap(({ panels }) => panels)) {
      group.querySelectorAll(parts).forEach((part) => part.classList.toggle("off", hidden.has(valueOf(part, at))));
    }
  };
  for (const { button, value } of entries) {
    button.addEventListener("click", () => {
      if (!hidden.delete(value)) hidden.add(value);
      update();
    });
  }
  // Sizes are known only while a drawing is shown.
  whenShown(() => {
    for (const { box, svg, entry, button } of entries) {
      if (button.isConnected || !svg.getClientRects().length) continue;
      const { x, y, width, height } = entry.getBBox();
      placeOver(button, svg, [x - 4, y - 3, x + width + 4, y + height + 3]);
      box.append(button);
    }
  });
}

// Calls a function now and whenever more of the page may be shown.
function whenShown(place) {
  window.addEventListener("resize", place);
  document.addEventListener("toggle", place, true);
  place();
}

// Makes a panel readable: the place under the pointer, or the one that the arrow keys lead to.
//
// `source` has `count()`, `nearest(x, y)` (an index or -1) and `at(index)`: its position `x`, `y`, its `rows` of elements for
// the note beside it, and its `words`.
function addReader({ box, svg }, { frame }, label, source) {
  const reader = make("div", { className: "reader", role: "slider", tabIndex: 0, ariaLabel: label, ariaValueMin: "0" });
  const cursor = make("div", { className: `cursor ${source.kind}` });
  const note = make("div", { className: "values" });
  const [left, top, right, bottom] = frame;
  let index = 0;

  function hide() {
    cursor.remove();
    note.remove();
  }

  function describe() {
    reader.ariaValueMax = String(Math.max(source.count() - 1, 0));
    reader.ariaValueNow = String(index);
    reader.ariaValueText = source.count() ? source.at(index).words : "nothing is shown";
  }

  function show(next) {
    if (next < 0 || !source.count()) return hide();
    index = Math.min(next, source.count() - 1);
    const { x, y, rows } = source.at(index);
    const [across, down] = [(x - left) / (right - left), (y - top) / (bottom - top)];
    cursor.style.left = `${100 * across}%`;
    cursor.style.top = `${100 * down}%`;
    note.style.left = across < 0.5 ? `calc(${100 * across}% + 12px)` : "auto";
    note.style.right = across < 0.5 ? "auto" : `calc(${100 * (1 - across)}% + 12px)`;
    note.replaceChildren(...rows);
    reader.append(cursor, note);
    describe();
  }

  function pointed(event) {
    const bounds = reader.getBoundingClientRect();
    const across = (event.clientX - bounds.left) / bounds.width;
    const down = (event.clientY - bounds.top) / bounds.height;
    show(source.nearest(left + across * (right - left), top + down * (bottom - top)));
  }

  reader.addEventListener("pointermove", pointed);
  reader.addEventListener("pointerdown", pointed);
  reader.addEventListener("pointerleave", hide);
  reader.addEventListener("blur", hide);
  reader.addEventListener("focus", () => { if (reader.matches(":focus-visible")) show(index); });
  reader.addEventListener("keydown", (event) => {
    const last = source.count() - 1;
    const page = Math.ceil(source.count() / 10);
    const moves = {
      ArrowRight: index + 1, ArrowUp: index + 1, ArrowLeft: index - 1, ArrowDown: index - 1,
      PageUp: index + page, PageDown: index - page, Home: 0, End: last,
    };
    if (event.key === "Escape") hide();
    if (!(event.key in moves)) return;
    event.preventDefault();
    show(Math.max(0, Math.min(moves[event.key], last)));
  });
  placeOver(reader, svg, frame);
  box.append(reader);
  describe();
}
