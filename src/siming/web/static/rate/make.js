// Build one element: make('button', { class: 'level', 'aria-pressed': 'false', on: { click } }, 'text', child).
// Text only ever enters as text nodes, so nothing a person typed can become markup.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value)
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

// Set or clear a boolean attribute's class and its spoken twin in one go.
export function press(button, pressed) {
  button.setAttribute('aria-pressed', String(pressed))
  button.classList.toggle('pressed', pressed)
}
