"use strict";

// Elements: text from data becomes text nodes, never markup.

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function text(node) {
  return node ? node.textContent.replace(/\s+/g, " ").trim() : "";
}
