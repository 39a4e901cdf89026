// The steps of a case in one line: those to decide first, critical ones at the very front, agreed ones behind a fold.
//
// Says: "open" { rubric, step }.

import { make } from '../rate/make.js'

export class Strip extends EventTarget {
  constructor(element, words, symbols) {
    super()
    Object.assign(this, { element, words, symbols })
    this.unfolded = false
  }

  show(view, at) {
    const { words } = this
    const disputed = view.steps.filter(({ state }) => state !== 'agreed')
    const agreed = view.steps.filter(({ state }) => state === 'agreed')
    const focused = this.element.contains(document.activeElement)
    const fold = make('button', {
      type: 'button', class: 'fold', 'aria-expanded': String(this.unfolded), on: { click: () => this.#fold(view, at) },
    }, `${this.unfolded ? '▾' : '▸'} ${words.say('agreed_steps', { n: agreed.length })}`)
    this.element.replaceChildren(make('div', { class: 'line' }, make('div', { class: 'chips' }, ...disputed.map((step) => this.#chip(view, step, at))), agreed.length > 0 && fold))
    if (this.unfolded) this.element.append(make('div', { class: 'chips agreed' }, ...agreed.map((step) => this.#chip(view, step, at))))
    const current = this.element.querySelector('[aria-current]')
    current?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    if (focused) current?.focus({ preventScroll: true })
  }

  #fold(view, at) {
    this.unfolded = !this.unfolded
    this.show(view, at)
    this.element.querySelector('.fold').focus()
  }

  #chip(view, { rubric, step, kind, state }, at) {
    const { words } = this
    const about = view.rubrics.find(({ id }) => id === rubric)
    const found = about.steps.find(({ id }) => id === step)
    const here = at && at.rubric === rubric && at.step === step
    const name = `${about.skill} ${found.order}. ${words.of(found.title)}`
    return make('button', {
      type: 'button', class: `chip-step ${state}`, tabindex: here ? 0 : -1, 'aria-current': here ? 'step' : null, title: name, 'data-step': `${rubric}/${step}`,
      'aria-label': `${name}: ${words.say(`kinds.${kind}`)}, ${words.say(`states.${state}`)}`,
      on: { click: () => this.dispatchEvent(new CustomEvent('open', { detail: { rubric, step } })) },
    },
    make('span', { class: `sign k-${kind}`, 'aria-hidden': 'true' }, state === 'decided' ? '✓' : this.symbols[kind]),
    make('span', { class: 'name' }, make('b', {}, `${about.skill} ${found.order}`), ` ${words.of(found.title)}`))
  }
}
