// Links into the page, and what is folded away.

// Opens everything that is folded away; not a check by itself.
export async function folds(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));
  return [];
}

// Follows the links of figures and headings, also to a target inside something folded away.
export async function deepLinks(page) {
  const problems = [];
  const links = await page.$$eval("main a.anchor", (all) => all.map((link) => link.getAttribute("href")));
  const expected = await page.$$eval("main :is(h2, h3, h4)", (all) => all.length);
  if (links.length !== expected) problems.push(`${links.length} links at ${expected} headings`);
  if (new Set(links).size !== links.length) problems.push("several headings have the same link");
  const figures = await page.$$eval("main figure[id]", (all) => all.map((figure) => `#${figure.id}`));
  for (const hash of new Set([...links, ...figures])) {
    const state = await page.evaluate(async (target) => {
      document.querySelectorAll("details").forEach((fold) => { fold.open = false; });
      location.hash = "";
      location.hash = target;
      await new Promise((done) => { setTimeout(done, 20); });
      const element = document.getElementById(decodeURIComponent(target.slice(1)));
      if (!element) return "has no target";
      const { top, bottom } = element.getBoundingClientRect();
      if (!element.checkVisibility({ contentVisibilityAuto: true })) return "leads to something folded away";
      return document.documentElement.scrollHeight > innerHeight && (bottom < 0 || top > innerHeight) ? `leads to ${top} px` : "";
    }, hash);
    if (state) problems.push(`${hash} ${state}`);
  }
  await page.evaluate(() => { document.querySelectorAll("details").forEach((fold) => { fold.open = false; }); });
  const closed = await page.evaluate(() => {
    const count = () => document.querySelectorAll("details:not([open])").length;
    const before = count();
    dispatchEvent(new Event("beforeprint"));
    const during = count();
    dispatchEvent(new Event("afterprint"));
    return [before, during, count()];
  });
  if (closed[1] !== 0 || closed[2] !== closed[0]) problems.push(`folds closed before, in and after print: ${closed}`);
  return problems;
}
