// What is on the rater's screen: video, timeline, steps, the open card, totals. It shows the draft and knows which step is
// open; what keys and buttons change is decided in acts.js.

import { levelOf } from './points.js'
import { Cameras } from './cameras.js'
import { make } from './make.js'
import { Player } from './player.js'
import { shown } from './keys.js'
import { StepCard } from './stepcard.js'
import { StepList } from './steplist.js'
import { Timeline } from './timeline.js'

const $ = (id) => document.getElementById(id)

export class Screen {
  constructor({ view, words, desk, keys, api, shelf, banner }) {
    Object.assign(this, { view, words, desk, keys, banner })
    this.draft = desk.draft
    this.limits = []
    this.conflicts = []
    this.errors = new Map()
    this.evidenceStart = null
    this.player = new Player($('video'), { played: this.draft.played })
    this.cameras = new Cameras(this.player, { api, shelf, words, banner })
    this.timeline = new Timeline($('timeline'), words)
    this.list = new StepList($('steps'), $('skills'), view.rubrics, this.draft, words, view.policy)
    this.card = new StepCard(words, keys, { reasons: view.blank_reasons, policy: view.policy })
    this.draft.addEventListener('changed', ({ detail }) => this.#changed(detail))
    desk.addEventListener('writing', () => this.#writing())
    desk.addEventListener('locked', () => this.say(words.say('locked'), 'warn'))
    desk.addEventListener('refused', ({ detail }) => this.#refused(detail))
    keys.addEventListener('learnt', () => this.#hint())
  }

  get rubric() {
    return this.view.rubrics.find(({ id }) => id === this.at.rubric)
  }

  get step() {
    return this.rubric.steps.find(({ id }) => id === this.at.step)
  }

  get entry() {
    return this.draft.entry(this.at.rubric, this.at.step)
  }

  async begin() {
    const { view, words } = this
    $('code').textContent = view.attempt_code
    $('purpose').textContent = view.purpose === 'score' ? '' : words.say(`purposes.${view.purpose}`)
    document.title = `${view.attempt_code} · siming`
    this.#watermark()
    this.#listen()
    this.#impression()
    this.#hint()
    // The summary's rows lead back to their step.
    const wanted = this.line.find(({ step }) => `#${step}` === location.hash)
    this.open(wanted ?? this.nextOpen(null) ?? this.line[0])
    this.#writing()
    $('desk').removeAttribute('aria-busy')
    this.list.focus()
    await this.media(view)
  }

  async media(view) {
    const begun = this.cameras.take(view)
    this.timeline.length = view.media[0]?.duration_s ?? 0
    await begun
    this.refresh()
  }

  // --- steps --------------------------------------------------------------------------------------------------------

  open({ rubric, step }) {
    this.at = { rubric, step }
    this.evidenceStart = null
    this.card.open(this.rubric, this.step, this.entry)
    this.list.open(this.rubric, this.step, this.card.element)
    this.show()
    this.#drawEvidence()
  }

  // All steps in their order, as { rubric, step }.
  get line() {
    return this.view.rubrics.flatMap((rubric) => rubric.steps.map((step) => ({ rubric: rubric.id, step: step.id })))
  }

  indexOf({ rubric, step }) {
    return this.line.findIndex((place) => place.rubric === rubric && place.step === step)
  }

  // The next step that is neither scored nor left blank, after a place and round again; null when all are done.
  nextOpen(after) {
    const { line } = this
    const from = after ? this.indexOf(after) + 1 : 0
    const turn = [...line.slice(from), ...line.slice(0, from)]
    return turn.find(({ rubric, step }) => !this.draft.scored(rubric, step)) ?? null
  }

  // --- what changed -------------------------------------------------------------------------------------------------

  #changed({ field, rubric, step }) {
    if (field === null) return this.refresh()
    if (field === 'played') return
    if (field === 'bookmarks') return this.timeline.showBookmarks(this.draft.bookmarks)
    if (field === 'global_rating') this.#impression()
    this.errors.delete(`${rubric} ${step} ${field}`)
    this.#listErrors()
    if (this.at && rubric === this.at.rubric && step === this.at.step) this.show()
    if (['evidence', 'points', 'blank', 'deductions'].includes(field)) this.#drawEvidence()
    this.#totals()
  }

  show() {
    if (!this.at) return
    this.card.show(this.entry)
    this.card.showOpen(this.evidenceStart)
    this.#notices()
  }

  refresh() {
    if (!this.at) return
    for (const { rubric, step } of this.line) this.list.refresh(rubric, step)
    this.timeline.showBookmarks(this.draft.bookmarks)
    this.timeline.showPlayed(this.player.played)
    this.#drawEvidence()
    this.#impression()
    this.#totals()
    this.show()
  }

  mark(limits, conflicts) {
    this.limits = limits ?? []
    this.conflicts = conflicts ?? []
    this.list.mark(this.limits, this.conflicts)
    this.#notices()
  }

  #notices() {
    if (!this.at) return
    const { words } = this
    const here = ({ rubric, step }) => rubric === this.at.rubric && step === this.at.step
    const mine = this.limits.filter(here)
    $('limits').replaceChildren(...mine.map((limit) => make('p', { class: 'message warn', role: 'status' },
      make('b', {}, limit.certain ? words.say('limit_certain') : words.say('limit_possible')), ' ', words.of(limit.text))))
    this.card.notice([
      ...this.conflicts.filter(here).map(({ text }) => ({ text: words.of(text), kind: 'warn' })),
      ...[...this.errors].filter(([place]) => place.startsWith(`${this.at.rubric} ${this.at.step} `)).map(([, text]) => ({ text, kind: 'bad' })),
    ])
  }

  #refused({ record, error }) {
    const { words } = this
    const text = words.say('refused', { field: words.say(`fields.${record.field}`), why: error.message })
    if (record.step === null) return this.say(text, 'bad')
    this.errors.set(`${record.rubric} ${record.step} ${record.field}`, text)
    this.#listErrors()
    this.#notices()
    this.say(text, 'bad')
  }

  #listErrors() {
    this.list.errors = new Map([...this.errors.keys()].map((place) => [place.split(' ').slice(0, 2).join(' '), true]))
    for (const { rubric, step } of this.line) this.list.refresh(rubric, step)
  }

  #totals() {
    const { view, words } = this
    const done = this.line.filter(({ rubric, step }) => this.draft.scored(rubric, step)).length
    const left = this.line.length - done
    $('left').textContent = left ? words.say('left', { n: left }) : words.say('all_done')
    $('desk').classList.toggle('complete', left === 0)
    $('totals').hidden = !view.policy.show_total
    if (!view.policy.show_total) return
    const { rubric } = this
    const entries = rubric.steps.map((step) => [step, this.draft.entry(rubric.id, step.id)])
    const worth = (kept) => kept.reduce((sum, [step]) => sum + step.max_points, 0)
    const blank = entries.filter(([, entry]) => entry.blank)
    const judged = entries.filter(([, entry]) => !entry.blank)
    const open = judged.filter(([, { points }]) => points === null)
    // In the words of the summary page, routes/summary.py.
    const parts = [words.say('total', { points: words.points(judged.reduce((sum, [, { points }]) => sum + (points ?? 0), 0)), max: words.points(worth(judged)) })]
    if (open.length) parts.push(words.say('total_open', { n: open.length, points: words.points(worth(open)) }))
    if (blank.length) parts.push(words.say('total_blank', { n: blank.length, points: words.points(worth(blank)) }))
    $('totals').replaceChildren(make('span', {}, rubric.skill), ' ', make('b', {}, parts[0]), ...parts.slice(1).map((part) => ` · ${part}`))
  }

  #impression() {
    const box = $('impression')
    box.hidden = !this.view.policy.global_rating
    if (box.hidden || !this.at) return
    const { rubric } = this
    const now = this.draft.document.global_rating?.[rubric.id] ?? null
    box.replaceChildren(make('fieldset', {}, make('legend', {}, this.words.say('impression', { skill: rubric.skill })),
      ...[1, 2, 3, 4, 5].map((value) => make('label', {}, make('input', {
        type: 'radio', name: 'impression', value, checked: now === value, disabled: !this.desk.writable,
        on: { change: () => this.desk.change([{ field: 'global_rating', rubric: rubric.id, value }]) },
      }), this.words.say(`impressions.${value}`)))))
  }

  // --- video --------------------------------------------------------------------------------------------------------

  #drawEvidence() {
    const { rubric, words } = this
    const others = rubric.steps.filter(({ id }) => id !== this.at.step).flatMap((step) => {
      const entry = this.draft.entry(rubric.id, step.id)
      return entry.evidence.map((interval) => ({
        rubric: rubric.id, step: step.id, interval, level: levelOf(step, entry.points, entry.deductions), label: `${step.order}. ${words.of(step.title)}`,
      }))
    })
    this.timeline.showEvidence(this.entry.evidence, others, { readOnly: !this.desk.writable, open: this.evidenceStart })
  }

  // A start that waits for its end.
  openEvidence(seconds) {
    this.evidenceStart = seconds
    this.card.showOpen(seconds)
    this.#drawEvidence()
  }

  #listen() {
    const { player, timeline } = this
    player.addEventListener('shown', () => {
      timeline.position = player.time
      $('clock').textContent = this.words.time(player.time)
    })
    player.addEventListener('state', () => this.#playerState())
    player.addEventListener('loop', () => $('stage').classList.toggle('looping', player.looped !== null))
    let drawn = 0
    player.addEventListener('played', () => {
      if (performance.now() - drawn < 500) return
      drawn = performance.now()
      timeline.showPlayed(player.played)
    })
    // What was played is written down every few seconds and whenever playing ends.
    const note = () => this.desk.writable && player.played.length && this.desk.change([{ field: 'played', value: player.played }], { wait_ms: 1500 })
    setInterval(() => player.playing && note(), 5000)
    $('video').addEventListener('pause', () => (timeline.showPlayed(player.played), note()))
    addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && note())
    this.#playerState()
  }

  #playerState() {
    const { player, words } = this
    const say = (id, sign, text) => {
      $(id).textContent = sign
      $(id).title = text
      $(id).setAttribute('aria-label', text)
    }
    say('t-play', player.playing ? '❚❚' : '▶', words.say(player.playing ? 'pause' : 'play'))
    say('t-mute', player.muted ? words.say('sound_off') : words.say('sound_on'), words.say('actions.mute'))
    $('t-mute').disabled = this.view.media.every(({ sound }) => sound === false)
    $('t-speed').value = String(player.speed)
    $('t-camera').hidden = this.view.media.length < 2
    $('t-camera').textContent = words.say('camera', { name: player.media?.camera ?? '' })
    $('buffering').hidden = !player.buffering || !player.playing
    $('stage').classList.toggle('fast', player.speed !== 1)
  }

  #watermark() {
    const { view } = this
    const box = $('watermark')
    box.hidden = !view.policy.watermark
    box.replaceChildren(...Array.from({ length: 6 }, () => make('span', {}, view.viewer_code)))
  }

  // --- words --------------------------------------------------------------------------------------------------------

  #writing() {
    const writable = this.desk.writable
    document.body.classList.toggle('read-only', !writable)
    this.card.lock(!writable)
    for (const id of ['t-in', 't-out', 't-point', 'undo', 'redo']) $(id).disabled = !writable
    if (this.at) this.#drawEvidence()
  }

  #hint() {
    const pairs = [['play', 'hints.play'], ['level_3', 'hints.levels'], ['deduction', 'hints.deduction'], ['evidence_in', 'hints.evidence'], ['confirm', 'hints.confirm'], ['undo', 'hints.undo']]
    $('hint').replaceChildren(...pairs.flatMap(([action, text]) => [make('kbd', {}, shown(this.keys.map[action][0], this.words)), ` ${this.words.say(text)} `]))
  }

  // A short sentence over the page, also spoken.
  say(text, kind = 'note') {
    $('said').textContent = text
    const toast = $('toast')
    toast.className = `toast ${kind}`
    toast.textContent = text
    toast.hidden = false
    clearTimeout(this.fading)
    this.fading = setTimeout(() => (toast.hidden = true), 2600)
  }
}
