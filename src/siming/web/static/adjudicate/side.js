// One rater's judgement of the open step: points, level, deductions, moments of evidence, words.
//
// Says: "play" interval, "take".

import { make } from '../rate/make.js'
import { charges } from '../rate/points.js'

export class Side extends EventTarget {
  constructor(element, lane, { number, words }) {
    super()
    Object.assign(this, { element, lane, number, words })
  }

  show({ entry, other, step, code, mine, chosen, reasons }, duration) {
    const { words } = this
    const cost = charges(step, entry.deductions)
    const name = words.say('rater', { n: this.number })
    this.element.classList.toggle('chosen', chosen)
    this.element.setAttribute('aria-label', name)
    this.element.replaceChildren(
      make('h2', {}, make('span', { class: `dot s${this.number}`, 'aria-hidden': 'true' }), name, code && make('bdi', { class: 'soft' }, ` ${code}`), mine && make('span', { class: 'chip plain' }, words.say('you'))),
      this.#score(entry, step, reasons),
      make('section', {}, make('h3', {}, words.say('deductions')),
        entry.deductions.length === 0 ? make('p', { class: 'soft' }, words.say('no_deductions'))
          : make('ul', { class: 'taken' }, ...step.deductions.filter(({ id }) => entry.deductions.includes(id)).map((deduction) => make('li', { class: other.deductions.includes(deduction.id) ? '' : 'alone' },
            make('span', { class: 'price' }, cost.get(deduction.id) ? `−${words.points(cost.get(deduction.id))}` : '–'), ' ', words.of(deduction.text),
            deduction.severity === 'critical' && make('em', {}, words.say('critical')),
            !other.deductions.includes(deduction.id) && make('small', { class: 'soft' }, ` ${words.say('alone')}`))))),
      make('section', {}, make('h3', {}, words.say('evidence')),
        entry.evidence.length === 0 ? make('p', { class: 'soft' }, words.say('no_evidence'))
          : make('p', { class: 'moments' }, ...entry.evidence.map((interval) => make('button', {
            type: 'button', class: 'small', on: { click: () => this.#play(interval) },
          }, `▶ ${words.time(interval[0])}–${words.time(interval[1])}`)))),
      entry.note ? make('section', {}, make('h3', {}, words.say('rationale')), make('blockquote', {}, make('bdi', {}, entry.note))) : '',
    )
    this.lane.replaceChildren(...entry.evidence.map((interval) => this.#bar(interval, duration)))
  }

  #score(entry, step, reasons) {
    const { words } = this
    if (entry.points === null) {
      const reason = reasons.find(({ code }) => code === entry.reason)
      return make('p', { class: 'score blank' }, make('b', {}, words.say(`statuses.${entry.status}`)), entry.reason ? make('bdi', { class: 'soft' }, ` ${reason ? words.of(reason) : entry.reason}`) : '')
    }
    return make('p', { class: 'score' }, make('b', {}, words.points(entry.points)), make('span', { class: 'soft' }, ` / ${words.points(step.max_points)}`),
      entry.label !== null && make('span', { class: `chip l${entry.label}` }, words.say(`levels.${entry.label}.name`)), entry.unsure && make('span', { class: 'chip warn' }, words.say('unsure')))
  }

  #bar(interval, duration) {
    const bar = make('button', {
      type: 'button', tabindex: -1, class: `bar s${this.number}`, title: `${this.words.time(interval[0])}–${this.words.time(interval[1])}`,
      'aria-label': `▶ ${this.words.time(interval[0])}–${this.words.time(interval[1])}`, on: { click: () => this.#play(interval) },
    })
    const share = (seconds) => `${duration ? Math.min(100, (seconds / duration) * 100) : 0}%`
    bar.style.left = share(interval[0])
    bar.style.width = `calc(${share(interval[1])} - ${share(interval[0])})`
    return bar
  }

  #play(interval) {
    this.dispatchEvent(new CustomEvent('play', { detail: interval }))
  }
}
