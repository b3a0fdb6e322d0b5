// What is laid out: nothing is wider than the page, cut off, too small, unreadable or on top of something else.

// Returns the problems of a page.
export async function layout(page, { namesAreCut }) {
  const found = [...await page.evaluate(boxes), ...await page.evaluate(texts, namesAreCut)];
  return [...found, ...await page.evaluate(contrast)];
}

// Elements that are wider than the page or that cut off what they hold.
function boxes() {
  const problems = [];
  const name = (element) => `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") || ""}"> ${element.textContent.trim().slice(0, 40)}`;
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) problems.push(`the page is ${root.scrollWidth} px wide`);
  const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  const inScrollArea = (element) => {
    for (let at = element; at !== document.body && at; at = at.parentElement) if (scrolls(at)) return true;
    return false;
  };
  for (const plot of document.querySelectorAll(".plot")) {
    const shown = [...plot.querySelectorAll("svg.chart")].filter((svg) => svg.getClientRects().length).length;
    const isFolded = !plot.checkVisibility({ contentVisibilityAuto: true });
    if (!isFolded && shown !== 1) problems.push(`${shown} drawings are shown in ${plot.closest("figure").id}`);
  }
  const isPrint = matchMedia("print").matches;
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg") && element.tagName !== "svg") continue;
    if (!element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) continue;
    const { left, right, width } = element.getBoundingClientRect();
    if (width && (right > root.clientWidth + 1 || left < -1) && !inScrollArea(element)) {
      problems.push(`from ${left.toFixed(0)} to ${right.toFixed(0)} px: ${name(element)}`);
    }
    const style = getComputedStyle(element);
    const cuts = ["hidden", "clip"].includes(style.overflowX) || style.textOverflow === "ellipsis";
    if (cuts && element.tagName !== "svg" && element.scrollWidth > element.clientWidth + 1) problems.push(`cut off: ${name(element)}`);
    if (isPrint && scrolls(element) && element.scrollWidth > element.clientWidth + 1) problems.push(`scroll area on paper: ${name(element)}`);
  }
  return problems.slice(0, 20);
}

// Texts that are small, cut off, outside of their cell or figure, or on top of each other.
function texts(namesAreCut) {
  const problems = [];
  const MIN_SIZE = 11;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    const words = node.textContent.trim();
    if (!words || parent.closest("script, style, title, desc") || !parent.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) continue;
    const svg = parent.closest("svg");
    const scale = svg ? Math.hypot(parent.getScreenCTM().a, parent.getScreenCTM().b) : 1;
    const size = parseFloat(getComputedStyle(parent).fontSize) * scale;
    const shown = words.slice(0, 50);
    if (size < MIN_SIZE - 0.05) problems.push(`${size.toFixed(1)} px: ${shown}`);
    if (svg && !namesAreCut && words.includes("…")) problems.push(`shortened: ${shown}`);
    const range = document.createRange();
    range.selectNodeContents(node);
    const container = svg || parent.closest("td, th, summary, button, li, figcaption");
    const limits = container && container.getBoundingClientRect();
    for (const { left, right, top, bottom, width, height } of range.getClientRects()) {
      if (!width || !height) continue;
      const outside = limits && (left < limits.left - 1 || right > limits.right + 1 || (svg && (top < limits.top - 2 || bottom > limits.bottom + 2)));
      if (outside) problems.push(`outside of its ${container.tagName.toLowerCase()}: ${shown}`);
      // Letters take the middle of a line.
      const inset = (height - Math.min(height, size)) / 2 + 0.15 * size;
      found.push({ left: left + 0.5, right: right - 0.5, top: top + inset, bottom: bottom - inset, words: shown, node, scroller: parent.closest(".scroll, .tall, pre") });
    }
  }
  found.sort((a, b) => a.top - b.top);
  for (let at = 0; at < found.length; at += 1) {
    const first = found[at];
    for (let next = at + 1; next < found.length && found[next].top < first.bottom; next += 1) {
      const second = found[next];
      const apart = second.left >= first.right || second.right <= first.left || first.node === second.node;
      // What is scrolled out of an area is not seen.
      if (apart || first.scroller !== second.scroller) continue;
      problems.push(`"${first.words}" and "${second.words}" overlap`);
    }
  }
  return problems.slice(0, 20);
}

// Texts of figures whose contrast to what is behind them is below WCAG's AA; axe-core does not look into SVG.
function contrast() {
  const problems = [];
  const channels = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const over = (top, strength, below) => below.map((value, at) => strength * top[at] + (1 - strength) * value);
  const paper = channels(getComputedStyle(document.documentElement).backgroundColor).slice(0, 3);
  for (const svg of document.querySelectorAll("main svg")) {
    if (!svg.checkVisibility()) continue;
    const shapes = [...svg.querySelectorAll("rect, path, text")].filter((each) => getComputedStyle(each).fill !== "none");
    const filled = [];
    for (const shape of shapes) {
      const style = getComputedStyle(shape);
      if (shape.tagName !== "text") {
        filled.push({ shape, color: channels(style.fill), strength: Number(style.opacity) * Number(style.fillOpacity) });
        continue;
      }
      const { x, y, width, height } = shape.getBBox();
      const center = svg.createSVGPoint();
      [center.x, center.y] = [x + width / 2, y + height / 2];
      let behind = paper;
      for (const { shape: below, color, strength } of filled) {
        if (shape.getAttribute("transform") === null && below.isPointInFill(center)) behind = over(color, strength, behind);
      }
      const [light, dark] = [luminance(channels(style.fill)), luminance(behind)].sort((a, b) => b - a);
      const ratio = (light + 0.05) / (dark + 0.05);
      if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${shape.textContent.trim().slice(0, 40)}`);
    }
  }
  return [...new Set(problems)].slice(0, 20);
}
