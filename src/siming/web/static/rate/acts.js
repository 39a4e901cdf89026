// What every key and button does. The names are those of keymap.json.

import { SPEEDS } from './player.js'
import { lacking, levelOf, pointsAfter, pointsOfLevel, wrongPoints } from './points.js'
import { withEvidence } from './spans.js'
import { make } from './make.js'
import { secondsOf } from './words.js'

const POINT_BEFORE_S = 2 // a point of evidence: what led to the moment, and the moment itself
const POINT_AFTER_S = 1
const $ = (id) => document.getElementById(id)
const micro = (seconds) => Math.round(seconds * 1e6) / 1e6

export class Acts {
  constructor({ screen, desk, words, view, help, summary }) {
    Object.assign(this, { screen, desk, words, view, help, summary })
    this.draft = desk.draft
    this.player = screen.player
    this.visited = -1
    this.#buttons()
    this.#parts()
  }

  // `moment` is the timeStamp of the key or click: what it marks is what was on the screen then.
  do({ action, repeat, moment }) {
    const { player, screen } = this
    const act = {
      play: () => player.toggle(),
      back: () => player.skip(-2),
      forward: () => player.skip(2),
      back_far: () => player.skip(-10),
      forward_far: () => player.skip(10),
      previous_frame: () => player.step(-1),
      next_frame: () => player.step(1),
      slower: () => this.#speed(player.speed - SPEEDS.step),
      faster: () => this.#speed(player.speed + SPEEDS.step),
      normal_speed: () => this.#speed(1),
      evidence_in: () => this.evidenceIn(moment),
      evidence_out: () => this.evidenceOut(moment),
      evidence_point: () => this.evidencePoint(moment),
      loop: () => this.loop(),
      go_to_evidence: () => this.nextEvidence(),
      go_to_time: () => this.#askTime(),
      delete_evidence: () => this.deleteEvidence(screen.entry.evidence.length - 1),
      list_evidence: () => this.#listEvidence(),
      previous_step: () => this.move(-1),
      next_step: () => this.move(1),
      previous_skill: () => this.moveSkill(-1),
      next_skill: () => this.moveSkill(1),
      level_3: () => this.level(3),
      level_2: () => this.level(2),
      level_1: () => this.level(1),
      level_0: () => this.level(0),
      type_points: () => screen.card.typePoints(),
      deduction: () => this.#waitForDeduction(),
      cannot_judge: () => this.#waitForReason(),
      rationale: () => screen.card.note.focus(),
      unsure: () => this.set({ unsure: !screen.entry.unsure }),
      bookmark: () => this.bookmark(moment),
      undo: () => this.undo('undo'),
      redo: () => this.undo('redo'),
      full_screen: () => this.#fullScreen(),
      mute: () => (player.muted = !player.muted),
      next_camera: () => screen.cameras.next(),
      confirm: () => this.confirm(),
      summary: () => this.#leave(this.summary),
      submit: () => this.#leave(`${this.summary}#submit`),
      next_region: () => this.#nextRegion(),
      keys: () => this.help.open(),
    }[action]
    // Held keys move through time and steps; they never score twice.
    const mayRepeat = /frame|back|forward|step|slower|faster|undo|redo/.test(action)
    if (!act || (repeat && !mayRepeat)) return
    // What changes or shows marks comes after those that still wait for their picture.
    if (/evidence$|loop|undo|redo|summary|submit/.test(action)) player.settle()
    act()
  }

  // --- scoring ------------------------------------------------------------------------------------------------------

  // Set fields of the open step, as one act.
  set(fields, how) {
    return this.#setAt(this.screen.at, fields, this.#mediaTime(), how)
  }

  #setAt({ rubric, step }, fields, media_s, how) {
    const changes = Object.entries(fields).map(([field, value]) => ({ field, rubric, step, value, ...(field === 'points' && { how }) }))
    return this.desk.change(changes, { media_s })
  }

  #mediaTime() {
    return this.player.media ? micro(this.player.time) : null
  }

  level(level) {
    const { screen, words } = this
    const points = pointsOfLevel(screen.step, level)
    if (points === null) return screen.say(words.say('no_level', { level: words.say(`levels.${level}.name`) }), 'warn')
    const wasOpen = !this.draft.scored(screen.at.rubric, screen.at.step)
    // Full marks leave nothing that was deducted; the level of a step is never at odds with its points.
    const clean = level === 3 && screen.entry.deductions.length ? { deductions: [] } : {}
    this.set({ points, ...this.#noBlank(), ...clean }, 'level')
    if (!this.desk.writable) return
    this.#tellScore()
    // A step done well costs one key. Where something was lost the rater stays to say what and where.
    if (level === 3 && wasOpen) this.#goOn()
  }

  #noBlank() {
    return this.screen.entry.blank ? { blank: null } : {}
  }

  typePoints(text) {
    const { screen, words } = this
    const { step } = screen
    if (text === '') {
      this.set({ points: null }, null)
      return screen.list.focus()
    }
    const wrong = wrongPoints(step, text)
    if (wrong) {
      screen.card.wrongPoints(words.say(`wrong_points.${wrong}`, { max: words.points(step.max_points), grain: words.points(step.point_step ?? 0.5) }))
      return
    }
    this.set({ points: Number(text.replace(',', '.')), ...this.#noBlank() }, 'typed')
    screen.list.focus()
    screen.show()
    this.#tellScore()
  }

  // Tick or untick. The points follow, unless the rater typed his own; without any deduction the step is open again,
  // because full marks are given, never left over.
  deduction(id) {
    const { entry, step, at } = this.screen
    const ticked = entry.deductions.includes(id) ? entry.deductions.filter((other) => other !== id) : [...entry.deductions, id]
    const inOrder = step.deductions.map((deduction) => deduction.id).filter((other) => ticked.includes(other))
    const typed = this.#pointsWereTyped(at, step, entry)
    const points = typed ? {} : { points: inOrder.length ? pointsAfter(step, inOrder) : null }
    this.set({ deductions: inOrder, ...points, ...this.#noBlank() }, 'deductions')
    this.#tellScore()
  }

  // This device remembers how points came about; of points from another one, those that no key and no deduction gives
  // were typed.
  #pointsWereTyped(at, step, entry) {
    if (entry.points === null) return false
    const from = this.desk.pointsFrom(at.rubric, at.step)
    if (from) return from === 'typed'
    const given = [3, 2, 1, 0].map((level) => pointsOfLevel(step, level))
    return entry.points !== pointsAfter(step, entry.deductions) && !given.includes(entry.points)
  }

  blank(code) {
    const { entry } = this.screen
    const same = entry.blank?.reason === code
    const blank = same ? null : { status: code === 'not_applicable' ? 'not_applicable' : 'cannot_judge', reason: code }
    this.set({ blank, ...(!same && entry.points !== null ? { points: null } : {}) }, null)
    this.screen.say(this.words.say(same ? 'blank_taken_back' : 'blank_set'))
  }

  confirm() {
    const { screen, words } = this
    if (!this.draft.scored(screen.at.rubric, screen.at.step)) return screen.say(words.say('score_first'), 'warn')
    const { step, entry } = screen
    const lacks = lacking(step, entry, this.view.policy).map((what) => words.say(`lacks.${what}`))
    this.#goOn()
    if (lacks.length) screen.say(`${step.order}: ${lacks.join(' ')}`, 'warn')
  }

  #goOn() {
    const { screen, words } = this
    const next = screen.nextOpen(screen.at)
    if (next) screen.open(next)
    else screen.say(words.say('all_scored'))
  }

  #tellScore() {
    const { screen, words } = this
    const { entry, step } = screen
    const level = levelOf(step, entry.points, entry.deductions)
    const what = entry.points === null ? words.say('open') : words.say('scored', { points: words.points(entry.points), max: words.points(step.max_points), level: words.say(`levels.${level}.name`) })
    screen.say(`${step.order}: ${what}`)
  }

  undo(way) {
    const { screen, words, desk } = this
    const changes = desk.undo(way)
    if (!desk.writable) return
    if (!changes) return screen.say(words.say(way === 'undo' ? 'nothing_to_undo' : 'nothing_to_redo'))
    const place = changes.find(({ step }) => step)
    if (place && screen.at.step !== place.step) screen.open(place)
    screen.show()
    screen.say(words.say(way === 'undo' ? 'undone' : 'redone', { field: words.say(`fields.${changes[0].field}`) }))
  }

  #waitForDeduction() {
    const { screen, words, desk } = this
    if (!desk.writable || !screen.step.deductions.length) return
    screen.card.waitFor('deduction')
    screen.keys.await((key) => {
      const found = screen.step.deductions.find(({ letter }) => letter.toLowerCase() === key.toLowerCase())
      if (found) this.deduction(found.id)
      else screen.say(words.say('no_letter', { letter: key.toUpperCase() }), 'warn')
    }, () => screen.card.waitFor(null))
  }

  #waitForReason() {
    const { screen, words, desk, view } = this
    if (!desk.writable) return
    screen.card.waitFor('reason')
    screen.keys.await((key) => {
      const found = view.blank_reasons.find(({ letter }) => letter.toLowerCase() === key.toLowerCase())
      if (found) this.blank(found.code)
      else screen.say(words.say('no_letter', { letter: key.toUpperCase() }), 'warn')
    }, () => screen.card.waitFor(null))
  }

  // --- evidence -----------------------------------------------------------------------------------------------------

  // All that is marked belongs to the step that was open at the key press, though the picture may be known a little later
  // and another step be open by then. `screen.at` is a new object whenever a step is opened, which drops an open start.
  evidenceIn(moment) {
    const { screen, words, player } = this
    if (!this.desk.writable) return
    const opened = { place: screen.at, start: null }
    this.opened = opened
    player.onScreen(moment, ({ start }) => {
      opened.start = start
      if (this.opened === opened && screen.at === opened.place) screen.openEvidence(start)
      screen.say(words.say('from', { time: words.time(start) }))
    })
  }

  // Ends at the picture on show. An end before the start turns the two round: the rater found the end first.
  evidenceOut(moment) {
    const { screen, words, player, opened } = this
    if (opened?.place !== screen.at) return screen.say(words.say('no_start'), 'warn')
    this.opened = null
    screen.openEvidence(null)
    player.onScreen(moment, ({ start: end, end: after }) => {
      const { place, start } = opened
      this.#addEvidence(place, end > start ? [start, end] : end < start ? [end, start] : [start, after], end)
    })
  }

  evidencePoint(moment) {
    const { screen, player } = this
    const place = screen.at
    player.onScreen(moment, ({ start }) => {
      this.#addEvidence(place, [Math.max(0, start - POINT_BEFORE_S), Math.min(player.end, start + POINT_AFTER_S)], start)
    })
  }

  #addEvidence(place, [start, end], media_s) {
    const { screen, words } = this
    const { evidence } = this.draft.entry(place.rubric, place.step)
    this.#setAt(place, { evidence: withEvidence(evidence, [micro(start), micro(end)]) }, micro(media_s))
    if (this.desk.writable) screen.say(words.say('evidence_set', { start: words.time(start), end: words.time(end) }))
  }

  deleteEvidence(at) {
    const { entry } = this.screen
    if (at < 0 || at >= entry.evidence.length) return this.screen.say(this.words.say('no_evidence'), 'warn')
    this.set({ evidence: entry.evidence.filter((_, index) => index !== at) })
  }

  // Move one end; the other stays, and an interval never turns round.
  adjust(at, side, seconds) {
    const intervals = this.screen.entry.evidence.map((interval) => [...interval])
    const interval = intervals[at]
    if (!interval) return
    interval[side] = micro(Math.min(Math.max(0, seconds), this.player.end))
    if (interval[0] > interval[1]) interval[side] = interval[1 - side]
    this.set({ evidence: intervals })
  }

  // By whole pictures, shown while they are chosen.
  nudge({ at, side, pictures }) {
    const { player, screen } = this
    const interval = screen.entry.evidence[at]
    if (!interval || !player.frames) return
    const offset = player.offset
    const to = player.frames.start(player.frames.at(interval[side] - offset) + pictures) + offset
    this.adjust(at, side, to)
    player.pause()
    player.seek(to)
  }

  loop() {
    const { player, screen } = this
    if (player.looped) return player.loop(null)
    const intervals = screen.entry.evidence
    const here = intervals.find(([start, end]) => player.time >= start - 0.01 && player.time <= end) ?? intervals.at(-1)
    if (!here) return screen.say(this.words.say('no_evidence'), 'warn')
    player.loop(here)
  }

  // The step's evidence in turn: the first that starts later than where the video stands, and round again.
  nextEvidence() {
    const { screen, player } = this
    const { evidence } = screen.entry
    if (!evidence.length) return screen.say(this.words.say('no_evidence'), 'warn')
    const now = player.bound ?? player.time
    player.seek((evidence.find(([start]) => start > now + 0.001) ?? evidence[0])[0])
  }

  #listEvidence() {
    const dialog = $('evidence-list')
    const { screen, words, view } = this
    const lines = view.rubrics.flatMap((rubric) => rubric.steps.flatMap((step) =>
      this.draft.entry(rubric.id, step.id).evidence.map(([start, end], at) => make('li', {},
        make('button', { type: 'button', class: 'quiet', on: { click: () => {
          dialog.close()
          screen.open({ rubric: rubric.id, step: step.id })
          this.player.seek(start)
        } } }, `${rubric.skill} ${step.order}. ${words.of(step.title)} · ${words.time(start)} – ${words.time(end)}`),
        make('button', { type: 'button', class: 'icon', disabled: !this.desk.writable, 'aria-label': `${words.say('delete')} ${words.time(start)}`, on: { click: () => {
          screen.open({ rubric: rubric.id, step: step.id })
          this.deleteEvidence(at)
          this.#listEvidence()
        } } }, '✕')))))
    dialog.querySelector('[data-list]').replaceChildren(lines.length ? make('ol', {}, ...lines) : make('p', {}, words.say('no_evidence')))
    if (!dialog.open) dialog.showModal()
  }

  bookmark(moment) {
    const { screen, player } = this
    if (!player.media) return
    const text = `${screen.rubric.skill} ${screen.step.order}`
    player.onScreen(moment, ({ start }) => this.#bookmarkAt(micro(start), text))
  }

  #bookmarkAt(at, text) {
    const { words, screen } = this
    const marks = this.draft.bookmarks.filter(([seconds]) => Math.abs(seconds - at) > 0.001)
    // The same moment once more takes the mark away.
    const value = marks.length < this.draft.bookmarks.length ? marks : [...marks, [at, text]].sort((a, b) => a[0] - b[0])
    this.desk.change([{ field: 'bookmarks', value }], { media_s: at })
    screen.say(words.say('bookmarked', { time: words.time(at) }))
  }

  // --- moving -------------------------------------------------------------------------------------------------------

  move(by) {
    const { screen } = this
    const to = screen.line[screen.indexOf(screen.at) + by]
    if (to) screen.open(to)
  }

  moveSkill(by) {
    const { screen, view } = this
    const at = view.rubrics.findIndex(({ id }) => id === screen.at.rubric) + by
    if (view.rubrics[at]) this.#openSkill(view.rubrics[at])
  }

  // A skill opens at its first open step.
  #openSkill(rubric) {
    const open = rubric.steps.find((step) => !this.draft.scored(rubric.id, step.id)) ?? rubric.steps[0]
    this.screen.open({ rubric: rubric.id, step: open.id })
  }

  #nextRegion() {
    const regions = [...document.querySelectorAll('[data-region]')]
    const at = regions.findIndex((region) => region.contains(document.activeElement))
    const region = regions[(at + 1) % regions.length]
    ;(region.querySelector('[aria-current], button:not([disabled]):not([hidden]), a[href], [tabindex="0"]') ?? region).focus()
  }

  // The summary compares what the server has with what this device has: let the last changes arrive first.
  async #leave(address) {
    if (!this.desk.sender.online) return this.screen.say(this.words.say('summary_offline'), 'warn')
    await this.desk.settled(3000)
    location.href = address
  }

  #speed(rate) {
    this.player.speed = rate
    this.screen.say(`${this.player.speed}×`)
  }

  async #reportLeak(event) {
    const form = event.target
    if (event.submitter?.value !== 'send') return
    event.preventDefault()
    try {
      await this.screen.cameras.reportLeak(form.elements.note.value)
      $('leak-form').close()
      this.screen.say(this.words.say('leak_sent'), 'warn')
    } catch (error) {
      form.querySelector('[role=alert]').textContent = error.status ? error.message : this.words.say('no_network')
    }
  }

  // The stage, not the video: the watermark stays over it.
  #fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen()
    else $('stage').requestFullscreen?.().catch(() => {})
  }

  #askTime() {
    const dialog = $('go-to')
    const { time } = dialog.querySelector('form').elements
    dialog.querySelector('[role=alert]').textContent = ''
    time.value = ''
    dialog.showModal()
    time.focus()
  }

  // --- buttons and parts --------------------------------------------------------------------------------------------

  #buttons() {
    const { player, words, screen } = this
    const on = {
      't-back': ['back'], 't-previous': ['previous_frame'], 't-play': ['play'], 't-next': ['next_frame'], 't-forward': ['forward'],
      't-mute': ['mute'], 't-camera': ['next_camera'], 't-full': ['full_screen'], 't-in': ['evidence_in'], 't-out': ['evidence_out'], 't-point': ['evidence_point'],
      undo: ['undo'], redo: ['redo'], 'show-keys': ['keys'], summary: ['summary'],
    }
    for (const [id, [action]] of Object.entries(on)) {
      $(id).addEventListener('click', (event) => {
        event.preventDefault()
        this.do({ action, moment: event.timeStamp })
      })
      if (!$(id).title) $(id).title = words.say(`actions.${action}`)
      if (!$(id).getAttribute('aria-label')) $(id).setAttribute('aria-label', words.say(`actions.${action}`))
    }
    // Parts of the page pass on what was clicked, not when.
    addEventListener('click', ({ timeStamp }) => (this.clicked = timeStamp), true)
    $('video').addEventListener('click', () => player.toggle())
    $('t-speed').addEventListener('change', ({ target }) => this.#speed(Number(target.value)))
    // A button pressed by mouse or finger does not take the keys away from the list of steps.
    document.addEventListener('mousedown', (event) => {
      if (!event.target.closest('button') || event.target.closest('dialog')) return
      event.preventDefault()
      // What was being typed is taken first.
      if (document.activeElement.matches('input, textarea')) screen.list.focus()
    })
    // The keys belong to the steps again as soon as a dialog is closed.
    for (const dialog of document.querySelectorAll('dialog')) {
      dialog.addEventListener('close', () => this.screen.list.focus())
      // Forms of dialogs go nowhere and are sent again and again, which room.js would take for a second press.
      dialog.addEventListener('submit', (event) => event.stopPropagation())
    }
    $('leak').addEventListener('click', () => {
      player.pause()
      $('leak-form').showModal()
    })
    $('leak-form').querySelector('form').addEventListener('submit', (event) => this.#reportLeak(event))
    $('go-to').querySelector('form').addEventListener('submit', (event) => {
      const seconds = secondsOf(event.target.elements.time.value)
      if (seconds === null || seconds > player.duration) {
        event.preventDefault()
        event.target.querySelector('[role=alert]').textContent = words.say('no_time', { end: words.time(player.duration) })
      } else player.seek(seconds)
    })
  }

  #parts() {
    const { screen, player } = this
    const { card, timeline, list } = screen
    const hear = (part, kind, act) => part.addEventListener(kind, ({ detail }) => act(detail))
    hear(card, 'level', (level) => this.level(level))
    hear(card, 'points', (text) => this.typePoints(text))
    hear(card, 'deduction', (id) => this.deduction(id))
    hear(card, 'blank', (code) => this.blank(code))
    hear(card, 'unsure', () => this.set({ unsure: !screen.entry.unsure }))
    hear(card, 'note', (value) => this.desk.type({ field: 'note', ...screen.at, value }, this.#mediaTime()))
    hear(card, 'note-left', () => this.desk.typed())
    hear(card, 'evidence', (detail) => this.#cardEvidence(detail))
    hear(list, 'chosen', (place) => this.#choose(place))
    hear(timeline, 'chosen', ({ seconds, ...place }) => {
      screen.open(place)
      player.seek(seconds)
    })
    hear(timeline, 'seek', (seconds) => player.seek(seconds))
    hear(timeline, 'look', (seconds) => {
      player.pause()
      player.seek(seconds)
    })
    hear(timeline, 'adjust', ({ at, side, interval }) => this.adjust(at, side, this.#pictureStart(interval[side])))
    hear(timeline, 'nudge', (detail) => this.nudge(detail))
    hear(screen.keys, 'left-field', () => list.focus())
  }

  // A dragged end lands on the start of the picture that was shown with it.
  #pictureStart(seconds) {
    const { frames, offset } = this.player
    return frames ? frames.start(frames.at(seconds - offset)) + offset : seconds
  }

  #choose({ rubric, step }) {
    if (step) this.screen.open({ rubric, step })
    else this.#openSkill(this.view.rubrics.find(({ id }) => id === rubric))
  }

  #cardEvidence({ do: what, at }) {
    const interval = this.screen.entry.evidence[at]
    if (what === 'in') this.evidenceIn(this.clicked)
    else if (what === 'out') this.evidenceOut(this.clicked)
    else if (what === 'point') this.evidencePoint(this.clicked)
    else if (what === 'delete') this.deleteEvidence(at)
    else if (what === 'loop') this.player.loop(this.player.looped ? null : interval)
    else if (what === 'go') this.player.seek(interval[0])
  }
}
