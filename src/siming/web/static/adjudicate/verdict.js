// The decision on the open step: whose points, why, and what stands already. What was begun on a step stays there when
// another one is opened, and when the page is loaded again.
//
// Says: "decide" decision, "changed", "reopen", "undo", "lock", "confirm", "template" (asks for the list of them).

import { shown } from '../rate/keys.js'
import { make, press } from '../rate/make.js'
import { pointsAfter, wrongPoints } from '../rate/points.js'

const CLOSED = ['confirmed', 'withdrawn']
const EMPTY = { choice: null, points: '', typed: false, blank: '', deductions: [], template: null, rationale: '' }

export class Verdict extends EventTarget {
  constructor(element, words, keys, keep) {
    super()
    Object.assign(this, { element, words, keys, keep })
    this.begun = new Map(Object.entries(JSON.parse(sessionStorage.getItem(keep) ?? '{}')))
    element.addEventListener('submit', (event) => event.preventDefault())
  }

  get #now() {
    return this.begun.get(this.key) ?? EMPTY
  }

  get choice() {
    return this.#now.choice ?? (this.disputed?.state === 'decided' ? this.disputed.standing.choice : null)
  }

  // The way on from a case that is closed.
  get next() {
    return this.element.querySelector('[data-next]')
  }

  get untouched() {
    return !this.begun.has(this.key)
  }

  // Show the step; `free` says whether anything may be written.
  open({ disputed, step, view, free }) {
    Object.assign(this, { disputed, step, view, free })
    this.key = `${disputed.rubric}/${disputed.step}`
    this.draw()
  }

  draw() {
    const { words, disputed, element, free, view } = this
    const { state } = disputed
    const focused = document.activeElement?.dataset?.part
    const caret = document.activeElement?.selectionStart
    const typing = element.contains(document.activeElement)
    if (CLOSED.includes(view.state)) element.replaceChildren(...(state === 'decided' ? [this.#stands()] : []), ...this.#foot())
    else if (state === 'agreed') element.replaceChildren(make('p', { class: 'stands' }, words.say('agreed_text')), this.#button('reopen', 'reopen', { disabled: !free }), ...this.#foot())
    else {
      element.replaceChildren(
        ...(state === 'decided' ? [this.#stands()] : []),
        make('div', { class: 'choices', role: 'group', 'aria-label': words.say('decision') }, this.#choice('first', 1), this.#choice('second', 2), this.#choice('other', 3)),
        ...(this.choice === 'other' ? [this.#other()] : []),
        this.#why(),
        ...this.#foot(),
      )
    }
    if (typing && focused) {
      const again = element.querySelector(`[data-part="${focused}"]`)
      again?.focus({ preventScroll: true })
      if (again?.setSelectionRange && caret !== undefined && caret !== null && again.type !== 'radio') again.setSelectionRange(caret, caret)
    }
    element.dataset.version = view.version
  }

  change(part) {
    this.begun.set(this.key, { ...this.#base, ...part })
    this.#remember()
    this.draw()
    this.dispatchEvent(new Event('changed'))
  }

  // A step that was decided before is changed from what stands.
  get #base() {
    const begun = this.begun.get(this.key)
    if (begun) return begun
    const { standing, state } = this.disputed
    if (state !== 'decided') return EMPTY
    const { choice, entry, template, rationale } = standing
    const own = choice === 'other'
    return { ...EMPTY, choice, template, rationale, points: own && entry.points !== null ? String(entry.points) : '', typed: own, blank: own && entry.points === null ? entry.status : '', deductions: own ? entry.deductions : [] }
  }

  forget(key = this.key) {
    this.begun.delete(key)
    this.#remember()
  }

  // Words that were refused, back in the form of their step.
  giveBack(kept) {
    if (!kept.rubric || kept.choice === undefined) return
    this.begun.set(`${kept.rubric}/${kept.step}`, {
      ...EMPTY, choice: kept.choice, points: kept.points === null ? '' : String(kept.points), typed: true, blank: kept.blank ?? '',
      deductions: kept.deductions, template: kept.template, rationale: kept.rationale,
    })
    this.#remember()
  }

  // What would be sent; or the key of the sentence that says what is missing.
  get decision() {
    const now = this.#base
    const { choice, template } = now
    const rationale = now.rationale.trim()
    if (!choice) return 'choose_first'
    if (!rationale && (choice === 'other' || !template)) return 'say_why'
    const decision = { rubric: this.disputed.rubric, step: this.disputed.step, choice, rationale, template }
    if (choice !== 'other') return decision
    if (now.blank) return { ...decision, blank: now.blank }
    const wrong = wrongPoints(this.step, now.points)
    if (wrong) return `wrong_points.${wrong}`
    const { first, second } = this.disputed
    return { ...decision, points: Number(now.points.replace(',', '.')), deductions: now.deductions, evidence: [...first.evidence, ...second.evidence] }
  }

  #choice(side, number) {
    const { words, disputed, free } = this
    const entry = disputed[side]
    const name = side === 'other' ? words.say('other_choice') : words.say('rater', { n: number })
    const button = make('button', { type: 'button', class: `choice ${side}`, 'data-choice': side, disabled: !free, on: { click: () => this.change({ choice: side }) } },
      this.#key(`take_${side}`), make('span', { class: 'name' }, name),
      entry && make('b', {}, entry.points === null ? words.say(`statuses.${entry.status}`) : words.points(entry.points)))
    press(button, this.choice === side)
    return button
  }

  #other() {
    const { words, step, free } = this
    const now = this.#base
    const set = (deductions) => this.change({ deductions, ...(now.typed ? {} : { points: words.points(pointsAfter(step, deductions)) }) })
    return make('div', { class: 'own-points' },
      make('label', {}, words.say('points_of', { max: words.points(step.max_points) }), make('input', {
        'data-part': 'points', inputmode: 'decimal', autocomplete: 'off', value: now.points, disabled: !free || now.blank !== '', maxlength: 6,
        on: { input: ({ target }) => this.change({ points: target.value, typed: target.value !== '' }) },
      })),
      make('label', {}, words.say('or_blank'), make('select', { 'data-part': 'blank', disabled: !free, on: { change: ({ target }) => this.change({ blank: target.value }) } },
        ...['', 'cannot_judge', 'not_applicable'].map((value) => make('option', { value, selected: now.blank === value }, value ? words.say(`statuses.${value}`) : '–')))),
      make('details', { open: now.deductions.length > 0 || this.unfolded, on: { toggle: ({ target }) => (this.unfolded = target.open) } }, make('summary', {}, words.say('deductions')),
        ...step.deductions.map((deduction) => make('label', { class: 'deduction' }, make('input', {
          type: 'checkbox', 'data-part': `d-${deduction.id}`, checked: now.deductions.includes(deduction.id), disabled: !free || now.blank !== '',
          on: { change: ({ target }) => set(target.checked ? [...now.deductions, deduction.id] : now.deductions.filter((id) => id !== deduction.id)) },
        }), make('span', {}, words.of(deduction.text)), make('span', { class: 'price' }, `−${words.points(deduction.points)}`)))))
  }

  #why() {
    const { words, free } = this
    const now = this.#base
    return make('div', { class: 'why' },
      make('div', { class: 'label-line' }, make('label', { for: 'why' }, words.say('why')),
        make('button', { type: 'button', class: 'small', 'data-template': '', disabled: !free, on: { click: () => this.dispatchEvent(new Event('template')) } }, words.say('template'), ' ', this.#key('template'))),
      now.template && make('p', { class: 'template' }, make('span', {}, words.say(`templates.${now.template}`)), free && make('button', { type: 'button', class: 'icon', 'aria-label': words.say('drop_template'), title: words.say('drop_template'), on: { click: () => this.change({ template: null }) } }, '×')),
      make('textarea', {
        id: 'why', 'data-part': 'why', maxlength: 4000, rows: 2, disabled: !free, placeholder: words.say(this.choice === 'other' ? 'why_own' : 'why_hint'),
        on: {
          input: ({ target }) => this.change({ rationale: target.value }),
          keydown: (event) => {
            if (event.key !== 'Enter' || !event.ctrlKey || event.isComposing) return
            event.preventDefault()
            this.dispatchEvent(new Event('decide'))
          },
        },
      }, now.rationale))
  }

  #stands() {
    const { words, disputed: { standing } } = this
    const { choice, entry, by, template, rationale } = standing
    const what = choice === 'other' ? words.say('other_choice') : words.say('rater', { n: choice === 'first' ? 1 : 2 })
    const points = entry.points === null ? words.say(`statuses.${entry.status}`) : words.points(entry.points)
    return make('p', { class: 'stands', 'data-stands': '' }, make('span', { class: 'chip good' }, `✓ ${words.say('states.decided')}`), ' ', make('b', {}, `${what} · ${points}`), ' ',
      template ? words.say(`templates.${template}`) : '', ' ', make('bdi', {}, rationale), make('small', { class: 'soft' }, ` – ${personName(by, words)}`))
  }

  #foot() {
    const { words, view, free, disputed } = this
    if (CLOSED.includes(view.state)) {
      const next = view.part === 'reader' ? [] : [make('a', { class: 'button primary', href: this.element.dataset.next, 'data-next': '' }, words.say('next_case'), ' ', this.#key('decide'))]
      return [make('div', { class: 'verdict-foot' }, make('b', { class: 'soft' }, words.say(`case_states.${view.state}`)), ...next)]
    }
    const waiting = view.mode === 'joint' && view.state === 'decided'
    const mineGiven = view.confirmed.some(({ me }) => me)
    return [make('div', { class: 'verdict-foot' },
      make('span', { class: 'soft' }, view.n_open ? words.say('left', { n: view.n_open }) : words.say(waiting ? 'waits' : 'all_decided', { key: this.#shown('lock') })),
      disputed.state !== 'agreed' && this.#button('decide', 'decide', { disabled: !free, main: view.n_open > 0 }),
      waiting && view.part !== 'reader' && !mineGiven && disputed.state === 'decided' && make('button', { type: 'button', 'data-act': 'disagree', on: { click: () => this.dispatchEvent(new Event('disagree')) } }, words.say('disagree')),
      waiting && view.part !== 'reader' ? this.#button('confirm', mineGiven ? 'confirmed_by_you' : 'confirm', { disabled: mineGiven, main: true })
        : this.#button('lock', 'lock', { disabled: !free || view.n_open > 0, main: view.n_open === 0 }))]
  }

  #button(act, text, { disabled = false, main = false } = {}) {
    return make('button', { type: 'button', class: main ? 'primary' : '', 'data-act': act, disabled, on: { click: () => this.dispatchEvent(new Event(act)) } }, this.words.say(text), ' ', this.#key(act === 'confirm' ? 'lock' : act))
  }

  #key(action) {
    return make('kbd', {}, this.#shown(action))
  }

  #shown(action) {
    return shown(this.keys.map[action][0], this.words)
  }

  #remember() {
    sessionStorage.setItem(this.keep, JSON.stringify(Object.fromEntries(this.begun)))
  }
}

// A person as this reader may know him.
export function personName({ name, place, me }, words) {
  const seat = place ? words.say('rater', { n: place === 'first' ? 1 : 2 }) : ''
  if (me) return words.say('you')
  return name ? (seat ? `${name} (${seat})` : name) : seat
}
