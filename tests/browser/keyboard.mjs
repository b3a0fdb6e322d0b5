// Everything that can be used can be reached with the tab key, and one sees where one is.

export async function keyboard(page) {
  const expected = await page.evaluate(() => {
    const can = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")];
    const shown = can.filter((element) => element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }));
    shown.forEach((element, at) => { element.dataset.at = at; });
    return shown.length;
  });
  const reached = new Set();
  const problems = [];
  for (let press = 0; press < expected + 5; press += 1) {
    await page.keyboard.press("Tab");
    const state = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const { top, bottom, left, right } = element.getBoundingClientRect();
      const isSeen = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
      return { at: element.dataset.at, isMarked: outlineStyle !== "none" && parseFloat(outlineWidth) > 0, isSeen, name: element.outerHTML.slice(0, 80) };
    });
    if (!state) continue;
    reached.add(state.at);
    if (!state.isMarked) problems.push(`focus is not visible: ${state.name}`);
    if (!state.isSeen) problems.push(`focus is outside of the window: ${state.name}`);
  }
  const missed = await page.evaluate((seen) => [...document.querySelectorAll("[data-at]")].filter((element) => !seen.includes(element.dataset.at)).map((element) => element.outerHTML.slice(0, 80)), [...reached]);
  return [...problems, ...missed.map((name) => `not reached by the tab key: ${name}`)].slice(0, 20);
}
