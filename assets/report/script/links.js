// Deep links: a heading is a link to its place on the page, and what is folded away opens where a link leads to it.

// Returns the id that a heading stands for: that of the section or figure that it begins, or one of its own.
function idOf(heading) {
  const parent = heading.closest("section, figure");
  if (parent.id && parent.querySelector("h2, h3, h4") === heading) return parent.id;
  const slug = `part-${text(heading).toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60)}`;
  let number = 1;
  while (document.getElementById(slug + number)) number += 1;
  heading.id ||= slug + number;
  return heading.id;
}

for (const heading of document.querySelectorAll("main :is(h2, h3, h4)")) {
  heading.append(make("a", { className: "anchor", href: `#${idOf(heading)}` }, ...heading.childNodes));
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  const fold = target.querySelector(":scope > details.fold");
  if (fold) fold.open = true;
  target.scrollIntoView();
}

window.addEventListener("hashchange", openTarget);
openTarget();

// Paper cannot be unfolded.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((fold) => { fold.open = true; });
});
window.addEventListener("afterprint", () => { opened.forEach((fold) => { fold.open = false; }); });
