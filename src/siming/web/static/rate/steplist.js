// The rubric of the current skill, one line per step; the current step is open and holds the card.
//
// Says: "chosen" { rubric, step }.

import { lacking, levelOf } from './points.js'
import { make } from './make.js'

export class StepList extends EventTarget {
  constructor(element, tabs, rubrics, draft, words, policy) {
    super()
    Object.assign(this, { element, tabs, rubrics, draft, words, policy })
    this.limits = []
    this.conflicts = []
    this.errors = new Map()
    this.rows = new Map()
    this.rubric = null
    tabs.addEventListener('click', ({ target }) => {
      const tab = target.closest('[data-rubric]')
      if (tab) this.dispatchEvent(new CustomEvent('chosen', { detail: { rubric: tab.dataset.rubric } }))
    })
    element.addEventListener('click', ({ target }) => {
      const row = target.closest('[data-row]')
      if (row) this.dispatchEvent(new CustomEvent('chosen', { detail: { rubric: this.rubric.id, step: row.dataset.row } }))
    })
    draft.addEventListener('changed', ({ detail }) => this.refresh(detail.rubric, detail.step))
    this.#drawTabs()
  }

  // Show a step open, with `card` below its line.
  open(rubric, step, card) {
    const hadFocus = this.element.contains(document.activeElement) || document.activeElement === document.body
    if (this.rubric !== rubric) this.#drawRows(rubric)
    for (const [id, row] of this.rows) {
      const current = id === step.id
      row.item.classList.toggle('current', current)
      row.button.setAttribute('aria-expanded', String(current))
      row.button.tabIndex = current ? 0 : -1
      if (current) {
        row.button.setAttribute('aria-current', 'step')
        row.item.append(card)
      } else row.button.removeAttribute('aria-current')
    }
    for (const tab of this.tabs.children) {
      const chosen = tab.dataset.rubric === rubric.id
      tab.setAttribute('aria-selected', String(chosen))
      tab.tabIndex = chosen ? 0 : -1
    }
    const row = this.rows.get(step.id)
    if (hadFocus) row.button.focus({ preventScroll: true })
    this.#bringIntoView(row.item)
  }

  focus() {
    this.element.querySelector('[aria-current]')?.focus({ preventScroll: true })
  }

  refresh(rubric, step) {
    if (this.rubric && rubric === this.rubric.id && this.rows.has(step)) this.#drawRow(step)
    if (rubric) this.#drawTabs()
  }

  // What earlier outcomes mean for later steps, as the server's examiner says.
  mark(limits, conflicts) {
    this.limits = limits
    this.conflicts = conflicts
    for (const step of this.rows.keys()) this.#drawRow(step)
  }

  #drawTabs() {
    if (!this.tabs.children.length) {
      this.tabs.append(...this.rubrics.map((rubric) => make('button', {
        type: 'button', role: 'tab', class: 'skill', 'data-rubric': rubric.id, 'aria-controls': this.element.id, 'aria-selected': 'false', tabindex: -1,
      })))
    }
    this.rubrics.forEach((rubric, at) => {
      const left = rubric.steps.filter((step) => !this.draft.scored(rubric.id, step.id)).length
      const count = left ? this.words.say('left_short', { n: left }) : this.words.say('all_done_short')
      this.tabs.children[at].replaceChildren(
        make('b', {}, rubric.skill), make('span', { class: left ? 'left' : 'left none' }, count))
    })
  }

  #drawRows(rubric) {
    this.rubric = rubric
    this.rows.clear()
    this.element.setAttribute('aria-label', this.words.of(rubric.title))
    this.element.replaceChildren(...rubric.steps.map((step) => {
      const button = make('button', { type: 'button', class: 'row', 'data-row': step.id, 'aria-controls': 'card' })
      const item = make('li', { 'data-step': step.id }, button)
      this.rows.set(step.id, { step, item, button })
      return item
    }))
    for (const id of this.rows.keys()) this.#drawRow(id)
  }

  #drawRow(id) {
    const { words } = this
    const { step, button } = this.rows.get(id)
    const entry = this.draft.entry(this.rubric.id, id)
    const level = levelOf(step, entry.points, entry.deductions)
    const kind = entry.blank ? 'blank' : level === null ? 'open' : `l${level}`
    const letter = entry.blank ? words.say('blank_letter') : level === null ? '–' : words.say(`levels.${level}.letter`)
    const said = entry.blank ? words.say('blank') : level === null ? words.say('open') : words.say(`levels.${level}.name`)
    const points = entry.points === null ? '–' : words.points(entry.points)
    const flags = []
    if (entry.unsure) flags.push(['?', words.say('unsure'), 'flag unsure'])
    if (entry.note) flags.push(['✎', words.say('has_note'), 'flag'])
    const lacks = lacking(step, entry, this.policy).map((what) => words.say(`lacks.${what}`))
    if (lacks.length) flags.push(['…', lacks.join(' '), 'flag warn lacks'])
    if (this.#touches(this.limits, id)) flags.push(['⚠', words.say('limited'), 'flag warn'])
    if (this.#touches(this.conflicts, id) || this.errors.has(`${this.rubric.id} ${id}`)) flags.push(['!', words.say('has_error'), 'flag bad'])
    button.replaceChildren(
      make('span', { class: 'number' }, String(step.order)),
      make('span', { class: 'title' }, words.of(step.title)),
      make('span', { class: 'marks' },
        ...flags.map(([sign, text, style]) => make('span', { class: style, title: text }, make('span', { 'aria-hidden': 'true' }, sign), spoken(text))),
        entry.evidence.length > 0 && make('span', { class: 'count', title: words.say('evidence_n', { n: entry.evidence.length }) },
          make('span', { 'aria-hidden': 'true' }, `▮${entry.evidence.length}`), spoken(words.say('evidence_n', { n: entry.evidence.length })))),
      make('span', { class: 'points' }, points, make('span', { class: 'of' }, `/${words.points(step.max_points)}`)),
      make('span', { class: `badge ${kind}` }, make('span', { 'aria-hidden': 'true' }, letter), spoken(said)),
    )
  }

  #touches(notes, step) {
    return notes.some((note) => note.rubric === this.rubric.id && note.step === step)
  }

  #bringIntoView(item) {
    const box = this.element.closest('[data-scroll]')
    if (!box || box.scrollHeight <= box.clientHeight) return item.scrollIntoView({ block: 'nearest' })
    const [inner, outer] = [item.getBoundingClientRect(), box.getBoundingClientRect()]
    // The line before the current one stays in sight: the rater sees where he comes from.
    const above = item.previousElementSibling?.getBoundingClientRect().height ?? 0
    if (inner.top - above < outer.top || inner.bottom > outer.bottom) box.scrollTop += inner.top - above - outer.top
  }
}

export const spoken = (text) => make('span', { class: 'spoken' }, text)
