// The open step: what full marks need, four levels, deductions, evidence, rationale, "cannot judge", "unsure".
// It only asks; the page's controller decides what becomes of it.
//
// Says: "level" n, "points" text, "deduction" id, "blank" code | null, "unsure", "note" text, "note-left",
// "evidence" { do: go | loop | delete | in | out | point, at }.

import { charges, levelOf, pointsOfLevel } from './points.js'
import { make, press } from './make.js'
import { shown } from './keys.js'
import { spoken } from './steplist.js'

export class StepCard extends EventTarget {
  constructor(words, keys, { reasons, policy }) {
    super()
    Object.assign(this, { words, keys, reasons, policy })
    this.element = make('div', { class: 'card', id: 'card', role: 'group' })
    this.readOnly = false
  }

  #say(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }))
  }

  #key(action) {
    const key = this.keys.map[action]?.[0]
    return key ? make('kbd', { 'aria-hidden': 'true' }, shown(key, this.words)) : null
  }

  open(rubric, step, entry) {
    const { words } = this
    this.rubric = rubric
    this.step = step
    this.element.setAttribute('aria-label', `${step.order}. ${words.of(step.title)}`)
    this.element.replaceChildren(
      this.#criteria(step), this.#levels(step), this.#deductions(step), this.#evidence(), this.#rationale(), this.#blank(), this.#notices())
    this.show(entry)
  }

  #criteria(step) {
    if (!step.criteria.length) return ''
    return make('ul', { class: 'criteria', 'aria-label': this.words.say('criteria') },
      ...step.criteria.map((criterion) => make('li', {}, this.words.of(criterion))))
  }

  #levels(step) {
    const { words } = this
    this.levels = new Map([3, 2, 1, 0].map((level) => {
      const range = step.ranges[level]
      const reach = range ? (range[0] === range[1] ? words.points(range[0]) : `${words.points(range[0])}–${words.points(range[1])}`) : '—'
      return [level, make('button', {
        type: 'button', class: `level l${level}`, 'data-level': level, disabled: pointsOfLevel(step, level) === null,
        on: { click: () => this.#say('level', level) },
      },
      make('span', { class: 'letter', 'aria-hidden': 'true' }, words.say(`levels.${level}.letter`)),
      make('span', { class: 'name' }, words.say(`levels.${level}.name`)),
      make('span', { class: 'reach' }, reach, spoken(words.say('points'))), this.#key(`level_${level}`))]
    }))
    this.points = make('input', {
      class: 'typed', id: 'typed-points', inputmode: 'decimal', autocomplete: 'off', 'aria-describedby': 'points-wrong', maxlength: 6,
      on: {
        keydown: (event) => {
          if (event.key === 'Escape') this.points.value = this.before
          if (event.key !== 'Enter') return
          event.preventDefault()
          this.#typed()
        },
        blur: () => this.#typed(),
      },
    })
    this.pointsWrong = make('p', { class: 'wrong', id: 'points-wrong', role: 'alert' })
    return make('div', { class: 'scoring' },
      make('div', { class: 'levels', role: 'group', 'aria-label': words.say('level') }, ...this.levels.values()),
      make('label', { class: 'exactly', for: 'typed-points' }, words.say('exactly'), this.#key('type_points'), this.points,
        make('span', { class: 'of' }, `/ ${words.points(step.max_points)}`)),
      this.pointsWrong)
  }

  #typed() {
    if (this.points.value.trim() === this.before) return
    this.#say('points', this.points.value.trim())
  }

  // Why typed points do not stand; the text stays for mending.
  wrongPoints(text) {
    this.pointsWrong.textContent = text
  }

  typePoints() {
    this.points.focus()
    this.points.select()
  }

  #deductions(step) {
    const { words } = this
    this.ticks = new Map(step.deductions.map((deduction) => {
      const box = make('input', { type: 'checkbox', on: { change: () => this.#say('deduction', deduction.id) } })
      const price = make('span', { class: 'price' }, `−${words.points(deduction.points)}`)
      const line = make('label', { class: `deduction ${deduction.severity}` }, box,
        make('kbd', { class: 'letter' }, deduction.letter.toUpperCase()), make('span', { class: 'text' }, words.of(deduction.text),
          deduction.severity === 'critical' && make('em', {}, words.say('critical'))), price)
      return [deduction.id, { box, line, price, deduction }]
    }))
    if (!step.deductions.length) return ''
    this.running = make('output', { class: 'running' })
    this.deductionBox = make('fieldset', { class: 'deductions' },
      make('legend', {}, words.say('deductions'), this.#key('deduction'), this.running), ...[...this.ticks.values()].map(({ line }) => line))
    return this.deductionBox
  }

  #evidence() {
    const { words } = this
    const button = (what, text, action) => make('button', { type: 'button', class: 'small', on: { click: () => this.#say('evidence', { do: what }) } }, text, this.#key(action))
    this.intervals = make('ol', { class: 'intervals' })
    return make('section', { class: 'evidence', 'aria-label': words.say('evidence') },
      make('h3', {}, words.say('evidence'),
        make('span', { class: 'buttons' }, button('in', words.say('in'), 'evidence_in'), button('out', words.say('out'), 'evidence_out'), button('point', words.say('point'), 'evidence_point'))),
      this.intervals)
  }

  #rationale() {
    const { words } = this
    this.note = make('textarea', {
      id: 'note', rows: 2, maxlength: 10000, spellcheck: 'false',
      on: { input: () => this.#say('note', this.note.value), blur: () => this.#say('note-left') },
    })
    return make('div', { class: 'rationale' }, make('label', { for: 'note' }, words.say('rationale'), this.#key('rationale')), this.note)
  }

  #blank() {
    const { words } = this
    this.reasonButtons = new Map(this.reasons.map((reason) => [reason.code, make('button', {
      type: 'button', class: 'small reason', 'aria-pressed': 'false', on: { click: () => this.#say('blank', reason.code) },
    }, make('kbd', { class: 'letter' }, reason.letter.toUpperCase()), words.of(reason))]))
    this.unsure = make('button', { type: 'button', class: 'small', 'aria-pressed': 'false', on: { click: () => this.#say('unsure') } }, words.say('unsure'), this.#key('unsure'))
    this.blankBox = make('details', { class: 'blank' },
      make('summary', {}, words.say('cannot_judge'), this.#key('cannot_judge')), make('div', { class: 'reasons', role: 'group', 'aria-label': words.say('why_not') }, ...this.reasonButtons.values()))
    return make('div', { class: 'doubt' }, this.blankBox, this.unsure)
  }

  #notices() {
    this.notices = make('div', { class: 'notices', 'aria-live': 'polite' })
    return this.notices
  }

  // The step's present values; texts being typed are left alone.
  show(entry) {
    const { words, step } = this
    const level = entry.blank ? null : levelOf(step, entry.points, entry.deductions)
    for (const [number, button] of this.levels) press(button, number === level)
    if (document.activeElement !== this.points) {
      this.points.value = entry.points === null ? '' : words.points(entry.points)
      this.before = this.points.value
      this.wrongPoints('')
    }
    const paid = charges(step, entry.deductions)
    for (const [id, { box, line, price, deduction }] of this.ticks) {
      box.checked = entry.deductions.includes(id)
      line.classList.toggle('ticked', box.checked)
      const counts = box.checked ? paid.get(id) : deduction.points
      price.textContent = counts || !box.checked ? `−${words.points(counts)}` : words.say('in_group')
    }
    if (this.running) {
      const lost = [...paid.values()].reduce((sum, cost) => sum + cost, 0)
      this.running.textContent = entry.deductions.length
        ? words.say('running', { lost: words.points(lost), left: words.points(step.max_points - lost) }) : ''
    }
    if (document.activeElement !== this.note) this.note.value = entry.note
    for (const [code, button] of this.reasonButtons) press(button, entry.blank?.reason === code)
    if (entry.blank) this.blankBox.open = true
    press(this.unsure, entry.unsure)
    this.#showEvidence(entry.evidence)
    this.lock(this.readOnly)
  }

  #showEvidence(intervals) {
    const { words } = this
    const act = (what, at, sign, text) => make('button', {
      type: 'button', class: what === 'delete' ? 'icon' : 'icon look', title: text, 'aria-label': `${text} ${words.time(intervals[at][0])}`, on: { click: () => this.#say('evidence', { do: what, at }) },
    }, sign)
    this.intervals.replaceChildren(...intervals.map(([start, end], at) => make('li', {},
      make('button', { type: 'button', class: 'range look', title: words.say('go_there'), on: { click: () => this.#say('evidence', { do: 'go', at }) } }, `${words.time(start)} – ${words.time(end)}`),
      act('loop', at, '↻', words.say('loop')), act('delete', at, '✕', words.say('delete')))))
    if (!intervals.length) this.intervals.append(make('li', { class: 'none' }, words.say('no_evidence')))
  }

  // A start that waits for its end.
  showOpen(start) {
    this.intervals.querySelector('.opened')?.remove()
    if (start !== null) this.intervals.append(make('li', { class: 'opened' }, this.words.say('from', { time: this.words.time(start) })))
  }

  // Sentences about this step: limits, conflicts, what the server refused.
  notice(sentences) {
    this.notices.replaceChildren(...sentences.map(({ text, kind }) => make('p', { class: `notice ${kind}` }, text)))
  }

  // Letters that the next key may be.
  waitFor(what) {
    this.element.dataset.waiting = what ?? ''
    if (what === 'reason') this.blankBox.open = true
    const box = what === 'deduction' ? this.deductionBox : what === 'reason' ? this.blankBox : null
    box?.scrollIntoView({ block: 'nearest' })
  }

  lock(readOnly) {
    this.readOnly = readOnly
    // Evidence can still be looked at.
    for (const control of this.element.querySelectorAll('button:not(.look), input, textarea')) {
      const none = control.matches('.level') && pointsOfLevel(this.step, Number(control.dataset.level)) === null
      control.disabled = readOnly || none
    }
  }
}
