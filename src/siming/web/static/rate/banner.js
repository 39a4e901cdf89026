// Sentences above the steps, most urgent first: what stops the work, what another device holds, what earlier steps'
// outcomes limit. A limit is only told; no points are ever filled in.

import { make } from './make.js'

export class Banner {
  constructor(element) {
    this.element = element
    this.parts = new Map()
  }

  // One message by name; null takes it away. `buttons` are [text, action].
  set(name, text, { kind = 'note', buttons = [], list = [] } = {}) {
    if (text === null) this.parts.delete(name)
    else this.parts.set(name, { text, kind, buttons, list })
    this.#draw()
  }

  has(name) {
    return this.parts.has(name)
  }

  #draw() {
    const order = ['bad', 'warn', 'note']
    const parts = [...this.parts].sort(([, a], [, b]) => order.indexOf(a.kind) - order.indexOf(b.kind))
    this.element.replaceChildren(...parts.map(([name, { text, kind, buttons, list }]) =>
      make('div', { class: `message ${kind}`, 'data-name': name, role: kind === 'bad' ? 'alert' : 'status' },
        make('p', {}, text),
        list.length > 0 && make('ul', {}, ...list.map((line) => make('li', {}, line))),
        buttons.length > 0 && make('div', { class: 'buttons' }, ...buttons.map(([label, action]) => make('button', { type: 'button', on: { click: action } }, label))))))
  }
}
