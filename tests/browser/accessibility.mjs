// What axe-core finds.

export async function accessibility(page, axe) {
  // The policy of the page forbids scripts of others in the page, not those of the browser's driver.
  await page.evaluate(await (await import("node:fs/promises")).readFile(axe, "utf8"));
  const violations = await page.evaluate(async () => {
    const { violations: found } = await window.axe.run(document, { resultTypes: ["violations"] });
    return found.map(({ id, help, nodes }) => `axe ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
  });
  return violations;
}
