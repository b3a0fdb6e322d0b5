"use strict";

// Elements: text from data becomes text nodes, never markup.

// Makes an element with properties and children.
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Returns the text of a node; none without a node.
function text(node) {
  return node ? node.textContent.replace(/\s+/g, " ").trim() : "";
}
