"use strict";

// Elements of the page. Text from data becomes text nodes, never markup; styles are set as properties, which the policy of
// the page allows.

// Makes an element with properties and children.
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Returns the text of an element.
function text(element) {
  return element.textContent.replace(/\s+/g, " ").trim();
}
