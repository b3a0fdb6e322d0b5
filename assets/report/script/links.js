// Deep links: a heading is a link to its place on the page, and what is folded away opens where a link leads to it.

const announcement = make("p", { className: "announcement", role: "status" });

// Returns the id that a heading stands for: that of the section or figure that it begins, or its own.
function idOf(heading) {
  const parent = heading.closest("section, figure");
  const begins = parent && parent.id && parent.querySelector("h2, h3, h4") === heading;
  if (begins) return parent.id;
  if (!heading.id) heading.id = freeId(heading.textContent);
  return heading.id;
}

function freeId(title) {
  const slug = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "part";
  let id = slug;
  for (let number = 2; document.getElementById(id); number += 1) id = `${slug}-${number}`;
  return id;
}

async function copy(address) {
  try {
    await navigator.clipboard.writeText(address);
    announcement.textContent = "Link copied";
  } catch {
    // The address bar has the link.
    announcement.textContent = "Link in the address bar";
  }
  setTimeout(() => { announcement.textContent = ""; }, 3000);
}

for (const heading of document.querySelectorAll("main :is(h2, h3, h4)")) {
  const link = make("a", { className: "anchor", href: `#${idOf(heading)}` }, ...heading.childNodes);
  heading.append(link);
  link.addEventListener("click", () => { copy(link.href); });
}
document.body.append(announcement);

function openTarget() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch { /* It is taken as it is. */ }
  const target = name && document.getElementById(name);
  if (!target) return;
  const folds = [];
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold);
  if (folds.every((fold) => fold.open)) return;
  folds.forEach((fold) => { fold.open = true; });
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
