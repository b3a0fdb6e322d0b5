// What a page says: all of it without the script, and the same with hostile names.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const numbersOf = (words) => (words.match(/[−+-]?\d[\d.,]*/g) || []).sort();

// What is on the page as text, without what only the script reads.
const said = () => {
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("script, style, .filter, .controls, .values").forEach((each) => each.remove());
  // Neighboring cells are not one number.
  const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  let words = "";
  while (walker.nextNode()) words += ` ${walker.currentNode.textContent}`;
  return words;
};

// Checks a page that was opened without the script.
export async function withoutScript(page, report) {
  const problems = [];
  const plain = await page.evaluate(said);
  const hidden = await page.$$eval("main [hidden]:not(svg)", (all) => all.length);
  if (hidden) problems.push(`${hidden} elements are hidden`);
  const context = await page.context().browser().newContext({ viewport: { width: 1440, height: 900 } });
  const scripted = await context.newPage();
  await scripted.goto(page.url());
  const [before, after] = [numbersOf(plain), numbersOf(await scripted.evaluate(said))];
  await context.close();
  if (before.join() !== after.join()) problems.push(`${before.length} numbers without the script, ${after.length} with it`);
  const cells = readFileSync(join(report, "results.md"), "utf8").split("\n").filter((line) => line.startsWith("| ")).flatMap((line) => line.split(" | "));
  const numbers = new Set(before);
  const lost = cells.filter((cell) => /^[−+]?\d[\d.]* %$/.test(cell)).filter((cell) => !numbers.has(cell.replace(/ %$/, "")));
  if (lost.length) problems.push(`results.md has ${lost.slice(0, 5)}, the page does not`);
  return problems;
}

// Checks that a report with hostile names has the elements and numbers of the same one with plain names.
export async function sameAsPlain(page, report) {
  const structure = () => {
    const tags = {};
    document.querySelectorAll("body *").forEach((element) => {
      if (!element.closest("svg")) tags[element.tagName] = (tags[element.tagName] || 0) + 1;
    });
    return { tags, numbers: [...document.querySelectorAll("td.number")].map((cell) => cell.textContent) };
  };
  const hostile = await page.evaluate(structure);
  const context = await page.context().browser().newContext({ viewport: page.viewportSize() });
  const other = await context.newPage();
  await other.goto(pathToFileURL(join(report, "index.html")).href);
  const plain = await other.evaluate(structure);
  await context.close();
  const problems = [];
  for (const tag of new Set([...Object.keys(plain.tags), ...Object.keys(hostile.tags)])) {
    if (plain.tags[tag] !== hostile.tags[tag]) problems.push(`<${tag}>: ${plain.tags[tag]} with plain names, ${hostile.tags[tag]} with hostile ones`);
  }
  if (plain.numbers.join() !== hostile.numbers.join()) problems.push("hostile names change numbers");
  return problems;
}
