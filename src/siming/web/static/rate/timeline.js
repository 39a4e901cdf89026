// The video's time from left to right: where it stands, what was played, evidence as bars, bookmarks.
// Ends of the current step's bars can be dragged, or moved by frame with the arrow keys.
//
// Says: "seek" seconds, "look" seconds (while an end is dragged), "adjust" { at, interval }, "nudge" { at, side, pictures },
// "chosen" { rubric, step }.

import { make } from './make.js'

export class Timeline extends EventTarget {
  constructor(element, words) {
    super()
    this.element = element
    this.words = words
    this.duration = 0
    this.played = make('div', { class: 'layer played', 'aria-hidden': 'true' })
    this.others = make('div', { class: 'layer others' })
    this.own = make('div', { class: 'layer own' })
    this.marks = make('div', { class: 'layer marks' })
    this.head = make('div', { class: 'head', 'aria-hidden': 'true' })
    this.scrubber = make('div', {
      class: 'scrubber', role: 'slider', tabindex: 0, 'aria-label': words.say('position'), 'aria-valuemin': 0, 'aria-valuenow': 0, 'data-own-keys': 'ArrowLeft ArrowRight Home End PageUp PageDown',
    }, this.played, this.head)
    element.replaceChildren(make('div', { class: 'track' }, this.others, this.scrubber, this.own, this.marks), (this.scale = make('div', { class: 'scale', 'aria-hidden': 'true' })))
    this.scrubber.addEventListener('pointerdown', (event) => this.#scrub(event))
    this.scrubber.addEventListener('keydown', (event) => this.#scrubKey(event))
  }

  #say(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }))
  }

  set length(seconds) {
    this.duration = seconds
    this.scrubber.setAttribute('aria-valuemax', seconds.toFixed(2))
    const every = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((step) => seconds / step <= 8) ?? 1800
    const ticks = []
    for (let at = 0; at <= seconds - every / 3; at += every) ticks.push(this.#place(make('span', {}, this.words.time(at, 0)), at))
    this.scale.replaceChildren(...ticks)
  }

  set position(seconds) {
    this.head.style.left = this.#percent(seconds)
    this.scrubber.setAttribute('aria-valuenow', seconds.toFixed(2))
    this.scrubber.setAttribute('aria-valuetext', this.words.time(seconds))
  }

  showPlayed(spans) {
    this.played.replaceChildren(...spans.map(([start, end]) => this.#place(make('i'), start, end)))
  }

  // Evidence of all steps of the skill: the current step's own in front, with handles.
  showEvidence(current, others, { readOnly, open }) {
    this.others.replaceChildren(...others.map(({ rubric, step, label, level, interval: [start, end] }) =>
      this.#place(make('button', {
        type: 'button', class: `bar ${level === null ? 'open' : `l${level}`}`, tabindex: -1, title: label, 'aria-label': label,
        on: { click: () => this.#say('chosen', { rubric, step, seconds: start }) },
      }), start, end)))
    const focused = document.activeElement?.dataset?.handle
    this.own.replaceChildren(...current.map(([start, end], at) => this.#bar(start, end, at, readOnly)))
    if (open !== null) this.own.append(this.#place(make('span', { class: 'opened', 'aria-hidden': 'true' }), open))
    if (focused) this.own.querySelector(`[data-handle="${focused}"]`)?.focus({ preventScroll: true })
  }

  showBookmarks(bookmarks) {
    this.marks.replaceChildren(...bookmarks.map(([at, text]) => this.#place(make('button', {
      type: 'button', class: 'bookmark', tabindex: -1, title: `${this.words.time(at)} ${text}`, 'aria-label': `${this.words.say('bookmark')} ${this.words.time(at)} ${text}`,
      on: { click: () => this.#say('seek', at) },
    }), at)))
  }

  #bar(start, end, at, readOnly) {
    const bar = this.#place(make('div', { class: 'bar current' }), start, end)
    if (readOnly) return bar
    for (const [side, value] of [[0, start], [1, end]]) {
      const name = this.words.say(side ? 'end_of' : 'start_of', { n: at + 1 })
      const handle = make('span', {
        class: side ? 'handle end' : 'handle start', role: 'slider', tabindex: 0, 'data-handle': `${at}.${side}`, 'data-own-keys': 'ArrowLeft ArrowRight Shift+ArrowLeft Shift+ArrowRight',
        'aria-label': name, title: name, 'aria-valuemin': 0, 'aria-valuemax': this.duration.toFixed(3), 'aria-valuenow': value.toFixed(3), 'aria-valuetext': this.words.time(value),
      })
      handle.addEventListener('pointerdown', (event) => this.#drag(event, bar, at, side, [start, end]))
      handle.addEventListener('keydown', (event) => {
        const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
        if (way) this.#say('nudge', { at, side, pictures: way * (event.shiftKey ? 10 : 1) })
        if (way) event.preventDefault()
      })
      bar.append(handle)
    }
    return bar
  }

  #drag(event, bar, at, side, interval) {
    event.preventDefault()
    event.stopPropagation()
    const moved = [...interval]
    this.#follow(event, (seconds) => {
      moved[side] = side ? Math.max(seconds, interval[0]) : Math.min(seconds, interval[1])
      this.#place(bar, ...moved)
      this.#say('look', moved[side])
    }, () => this.#say('adjust', { at, side, interval: moved }))
  }

  #scrub(event) {
    event.preventDefault()
    this.#say('seek', this.#seconds(event))
    this.#follow(event, (seconds) => this.#say('seek', seconds), () => {})
  }

  #follow(event, onMove, onEnd) {
    const target = event.currentTarget
    target.setPointerCapture(event.pointerId)
    const move = (moved) => onMove(this.#seconds(moved))
    target.addEventListener('pointermove', move)
    const end = (ended) => {
      target.removeEventListener('pointermove', move)
      target.removeEventListener('pointerup', end)
      target.removeEventListener('pointercancel', end)
      if (ended.type === 'pointerup') onEnd()
    }
    target.addEventListener('pointerup', end)
    target.addEventListener('pointercancel', end)
  }

  #scrubKey(event) {
    const now = Number(this.scrubber.getAttribute('aria-valuenow'))
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now + 10, PageDown: now - 10, Home: 0, End: this.duration }[event.key]
    if (to === undefined) return
    event.preventDefault()
    this.#say('seek', Math.min(Math.max(0, to), this.duration))
  }

  #seconds({ clientX }) {
    const { left, width } = this.scrubber.getBoundingClientRect()
    return Math.min(Math.max(0, (clientX - left) / width), 1) * this.duration
  }

  #percent(seconds) {
    return `${this.duration ? Math.min(100, Math.max(0, (seconds / this.duration) * 100)) : 0}%`
  }

  #place(element, start, end) {
    element.style.left = this.#percent(start)
    if (end !== undefined) element.style.width = `calc(${this.#percent(end)} - ${this.#percent(start)})`
    return element
  }
}
