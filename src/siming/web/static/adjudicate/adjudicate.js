// The page of a case: knows all its parts and says what each key and button does.

import { Banner } from '../rate/banner.js'
import { KeyHelp } from '../rate/keyhelp.js'
import { Keys, pressed, shown } from '../rate/keys.js'
import { make } from '../rate/make.js'
import { SPEEDS } from '../rate/player.js'
import { SignIn } from '../rate/signin.js'
import { Timeline } from '../rate/timeline.js'
import { Words, secondsOf } from '../rate/words.js'
import { Case } from './case.js'
import { Film } from './film.js'
import { Side } from './side.js'
import { Strip } from './strip.js'
import { Verdict, personName } from './verdict.js'

const $ = (id) => document.getElementById(id)
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const GROUPS = {
  deciding: ['take_first', 'take_second', 'take_other', 'rationale', 'template', 'decide', 'lock', 'undo', 'reopen', 'rubric_text', 'pen'],
  evidence: ['play_first', 'play_second', 'play_both', 'loop'],
  video: ['play', 'back', 'forward', 'back_far', 'forward_far', 'previous_frame', 'next_frame', 'slower', 'faster', 'normal_speed', 'go_to_time', 'full_screen', 'mute', 'next_camera'],
  moving: ['previous_step', 'next_step', 'keys'],
}

class Page {
  constructor(data) {
    this.words = new Words(data.texts, data.language)
    this.banner = new Banner($('banner'))
    this.case = new Case(data.case, data.csrf)
    this.keys = new Keys(data.keymap, data.keys)
    this.keyHelp = new KeyHelp($('key-help'), this.words, this.keys, this.case, GROUPS)
    this.strip = new Strip($('steps'), this.words, data.symbols)
    this.verdict = new Verdict($('verdict'), this.words, this.keys, `siming.verdict.${data.case}`)
    this.sides = {
      first: new Side($('side-first'), $('lane-first'), { number: 1, words: this.words }),
      second: new Side($('side-second'), $('lane-second'), { number: 2, words: this.words }),
    }
    this.timeline = new Timeline($('timeline'), this.words)
    this.signIn = new SignIn($('sign-in-again'), this.words, this.case.api, data.person)
    this.at = null
  }

  async start() {
    const view = await this.case.load()
    this.film = new Film($('video'), this.case.api, view)
    this.#watermark(view)
    this.#listen()
    this.#hint()
    this.open(this.nextOpen() ?? view.steps[0])
    this.film.begin().then(() => this.#filmIsThere()).catch(() => {})
    if (!view.media.length) this.banner.set('film', this.words.say('no_film'), { kind: 'warn' })
    this.case.watch()
    const again = sessionStorage.getItem(`siming.case.${this.case.id}`) !== null
    if (this.case.mayWrite && (again || (view.mode === 'third' && !view.holder))) await this.takePen(again)
    this.show()
    $('trio').removeAttribute('aria-busy')
    document.documentElement.dataset.ready = 'yes'
  }

  get view() {
    return this.case.view
  }

  get disputed() {
    return this.view.steps.find(({ rubric, step }) => rubric === this.at.rubric && step === this.at.step)
  }

  get rubric() {
    return this.view.rubrics.find(({ id }) => id === this.at.rubric)
  }

  get step() {
    return this.rubric.steps.find(({ id }) => id === this.at.step)
  }

  // --- showing ------------------------------------------------------------------------------------------------------

  open({ rubric, step }) {
    this.at = { rubric, step }
    this.film.stop()
    this.show()
    $('said').textContent = `${this.step.order}. ${this.words.of(this.step.title)}`
  }

  show() {
    if (!this.at || !this.film) return
    const { view, disputed, step } = this
    this.strip.show(view, this.at)
    this.verdict.open({ disputed, step, view, free: this.case.holdsPen && this.case.mayWrite })
    this.#showSides()
    this.#penState()
    this.#late()
    this.#joint()
    this.#objection()
    $('undo').disabled = !this.case.holdsPen || !view.can_undo
  }

  #showSides() {
    const { view, disputed, step, verdict } = this
    for (const [side, other, n] of [['first', 'second', 0], ['second', 'first', 1]]) {
      this.sides[side].show({ entry: disputed[side], other: disputed[other], step, code: view.raters[n], mine: view.mine === side, chosen: verdict.choice === side, reasons: view.blank_reasons }, this.film.duration || view.media[0]?.duration_s || 0)
    }
  }

  #filmIsThere() {
    this.timeline.length = this.film.duration
    this.timeline.position = 0
    this.#showSides()
  }

  #penState() {
    const { view, words } = this
    const { holder } = view
    const state = this.case.closed ? words.say(`case_states.${view.state}`)
      : view.part === 'reader' ? words.say('reading')
        : this.case.holdsPen ? words.say('pen_yours')
          : holder ? (holder.me ? words.say('pen_elsewhere') : words.say('pen_of', { name: personName(holder, words) })) : words.say('pen_free')
    $('pen-state').textContent = state
    $('pen-state').dataset.state = this.case.holdsPen ? 'server' : 'nothing'
    const button = $('pen')
    button.hidden = !this.case.mayWrite || Boolean(holder && !holder.me && !this.case.holdsPen)
    button.textContent = words.say(this.case.holdsPen ? 'put_down' : holder?.me ? 'take_over' : 'take_pen')
    button.classList.toggle('primary', !this.case.holdsPen)
    document.body.classList.toggle('read-only', !this.case.holdsPen)
  }

  // What came too late stays on the page until it is used or put away.
  #late() {
    const away = new Set(JSON.parse(sessionStorage.getItem(`siming.late.${this.case.id}`) ?? '[]'))
    const late = this.view.late_writes.find(({ id, payload }) => !away.has(id) && (payload.rationale || payload.reason))
    if (!late) return this.banner.set('late', null)
    const { words } = this
    const { payload } = late
    const putAway = () => {
      sessionStorage.setItem(`siming.late.${this.case.id}`, JSON.stringify([...away, late.id]))
      this.#late()
    }
    this.banner.set('late', words.say('late', { why: words.say(`because.${late.because}`), step: this.#nameOf(payload) }), {
      kind: 'bad', list: [payload.rationale || payload.reason],
      buttons: [
        ...(payload.choice ? [[words.say('use_again'), () => {
          this.verdict.giveBack(payload)
          putAway()
          this.open(payload)
        }]] : []),
        [words.say('put_away'), putAway],
      ],
    })
  }

  #joint() {
    const { view, words } = this
    if (view.mode !== 'joint' || view.state !== 'decided') return this.banner.set('joint', null)
    const lacking = view.lacking.map((who) => (who === 'adjudicator' ? words.say('an_adjudicator') : who === view.mine ? words.say('you') : words.say('rater', { n: who === 'first' ? 1 : 2 })))
    this.banner.set('joint', words.say('joint_waits', { who: lacking.join(words.say('and')) }), { kind: 'note' })
  }

  #nameOf({ rubric, step }) {
    const about = this.view.rubrics.find(({ id }) => id === rubric)
    const found = about?.steps.find(({ id }) => id === step)
    return found ? `${about.skill} ${found.order}. ${this.words.of(found.title)}` : ''
  }

  #watermark({ watermark, viewer_code }) {
    $('watermark').hidden = !watermark
    $('watermark').replaceChildren(...Array.from({ length: 6 }, () => make('span', {}, viewer_code)))
  }

  // --- doing --------------------------------------------------------------------------------------------------------

  nextOpen() {
    const { steps } = this.view
    const from = this.at ? steps.findIndex(({ rubric, step }) => rubric === this.at.rubric && step === this.at.step) : -1
    return [...steps.slice(from + 1), ...steps.slice(0, from + 1)].find(({ state }) => state === 'open') ?? null
  }

  async takePen(takeOver = false) {
    try {
      await this.case.take(takeOver)
      this.banner.set('pen', null)
    } catch (error) {
      if (error.kind === 'leased') await this.case.load()
      else this.say(error.message, 'bad')
    }
    this.show()
  }

  async decide() {
    const { verdict } = this
    if (this.case.closed) return verdict.next?.click()
    if (!this.#canWrite()) return
    if (this.disputed.state === 'agreed') return this.say(this.words.say('agreed_text'), 'warn')
    if (this.disputed.state === 'decided' && verdict.untouched) return this.#goOn()
    const { decision, key } = verdict
    if (typeof decision === 'string') {
      this.say(this.words.say(decision, { max: this.words.points(this.step.max_points) }), 'warn')
      if (decision === 'say_why') document.querySelector('[data-part="why"]')?.focus()
      if (decision.startsWith('wrong_points')) document.querySelector('[data-part="points"]')?.focus()
      return
    }
    const moved = await this.#try(() => this.case.decide(decision))
    if (!moved) return
    verdict.forget(key)
    document.activeElement?.blur()
    this.#goOn()
  }

  #goOn() {
    const next = this.nextOpen()
    if (next) return this.open(next)
    this.show()
    this.say(this.words.say(this.view.n_open ? 'left' : 'all_decided', { n: this.view.n_open, key: this.#key('lock') }))
  }

  async lock() {
    const { view, words } = this
    if (view.mode === 'joint' && view.state === 'decided') {
      if (view.part === 'reader' || view.confirmed.some(({ me }) => me)) return
      const moved = await this.#try(() => this.case.confirm())
      if (moved) this.say(words.say(moved.state === 'confirmed' ? 'locked' : 'confirmed_by_you'))
      return this.show()
    }
    if (!this.#canWrite()) return
    const moved = await this.#try(() => this.case.close())
    if (moved) this.say(words.say(moved.state === 'confirmed' ? 'locked' : 'waits'))
    this.show()
    if (this.case.closed) this.verdict.next?.focus()
  }

  async undo() {
    if (!this.#canWrite() || !this.view.can_undo) return
    const before = this.view.history.length
    if (!(await this.#try(() => this.case.undo()))) return
    const act = this.view.history.at(-1)
    if (this.view.history.length > before && act.kind === 'undo') this.open(act)
    this.say(this.words.say('undone', { step: this.#nameOf(act) }))
  }

  reopen() {
    if (!this.#canWrite() || this.disputed.state !== 'agreed') return
    const dialog = $('reopen')
    const field = dialog.querySelector('textarea')
    dialog.returnValue = ''
    dialog.onclose = async () => {
      if (dialog.returnValue !== 'yes' || !field.value.trim()) return
      const { rubric, step } = this.at
      if (await this.#try(() => this.case.reopen(rubric, step, field.value))) field.value = ''
      this.show()
    }
    dialog.showModal()
  }

  // Who does not agree to what the pen's holder has locked says why; the step is open again for everybody.
  disagree() {
    const dialog = $('disagree')
    const field = dialog.querySelector('textarea')
    dialog.returnValue = ''
    dialog.onclose = async () => {
      if (dialog.returnValue !== 'yes' || !field.value.trim()) return
      const { rubric, step } = this.at
      if (await this.#try(() => this.case.disagree(rubric, step, field.value))) field.value = ''
      this.show()
    }
    dialog.showModal()
  }

  // The last objection, until its step is decided again.
  #objection() {
    const { view, words } = this
    const last = view.history.findLast(({ kind }) => kind !== 'undo')
    const open = last && view.steps.some(({ rubric, step, state }) => rubric === last.rubric && step === last.step && state === 'open')
    if (view.mode !== 'joint' || last?.kind !== 'reopen_agreed' || !open) return this.banner.set('objection', null)
    this.banner.set('objection', words.say('objected', { who: personName(last.by, words), step: this.#nameOf(last) }), { kind: 'warn', list: [last.rationale] })
  }

  chooseTemplate() {
    if (!this.#canWrite() || this.disputed.state === 'agreed') return
    const { words, view } = this
    const dialog = $('templates')
    const take = (name) => {
      dialog.close()
      document.activeElement?.blur()
      this.verdict.change({ template: name })
    }
    dialog.querySelector('[data-list]').replaceChildren(...view.templates.map((name, at) =>
      make('button', { type: 'button', role: 'option', 'aria-selected': 'false', on: { click: () => take(name) } }, make('kbd', {}, LETTERS[at].toUpperCase()), ` ${words.say(`templates.${name}`)}`)))
    dialog.showModal()
    dialog.querySelector('[role=option]')?.focus()
  }

  // In the list of ready-made reasons a letter takes its reason, arrows walk, Enter takes the one in focus.
  #templateKey(event) {
    const options = [...$('templates').querySelectorAll('[role=option]')]
    const key = pressed(event)
    const by = { ArrowDown: 1, ArrowUp: -1 }[key]
    const to = by ? options[(options.indexOf(document.activeElement) + by + options.length) % options.length] : { Home: options[0], End: options.at(-1) }[key]
    if (to) to.focus()
    else if (key?.length === 1 && options[LETTERS.indexOf(key)] && !event.repeat) options[LETTERS.indexOf(key)].click()
    else return
    event.preventDefault()
  }

  #canWrite() {
    if (this.case.holdsPen && this.case.mayWrite) return true
    this.say(this.words.say(this.case.closed ? `case_states.${this.view.state}` : 'no_pen', { key: this.#key('pen') }), 'warn')
    return false
  }

  // What the server refused as wrong is told; what came too late is told by `refused`.
  async #try(act) {
    try {
      return await act()
    } catch (error) {
      if (error.status !== 401) this.say(error.status ? error.message : this.words.say('no_network'), 'bad')
      return null
    }
  }

  do({ action }) {
    const { player } = this.film
    const move = (by) => {
      this.film.stop()
      player.skip(by)
    }
    const acts = {
      take_first: () => this.#choose('first'),
      take_second: () => this.#choose('second'),
      take_other: () => this.#choose('other'),
      play_first: () => this.film.play(this.disputed.first.evidence),
      play_second: () => this.film.play(this.disputed.second.evidence),
      play_both: () => this.film.play([...this.disputed.first.evidence, ...this.disputed.second.evidence]),
      rubric_text: () => this.#rubricText(),
      template: () => this.chooseTemplate(),
      rationale: () => document.querySelector('[data-part="why"]')?.focus(),
      decide: () => this.decide(),
      lock: () => this.lock(),
      undo: () => this.undo(),
      reopen: () => this.reopen(),
      pen: () => (this.case.holdsPen ? this.case.release() : this.case.mayWrite && this.takePen(Boolean(this.view.holder?.me))),
      play: () => player.toggle(),
      back: () => move(-2),
      forward: () => move(2),
      back_far: () => move(-10),
      forward_far: () => move(10),
      previous_frame: () => player.step(-1),
      next_frame: () => player.step(1),
      slower: () => (player.speed -= SPEEDS.step),
      faster: () => (player.speed += SPEEDS.step),
      normal_speed: () => (player.speed = 1),
      loop: () => this.film.loop(),
      go_to_time: () => this.#goTo(),
      full_screen: () => (document.fullscreenElement ? document.exitFullscreen() : $('stage').requestFullscreen().catch(() => {})),
      mute: () => (player.muted = !player.muted),
      next_camera: () => this.film.nextCamera(),
      previous_step: () => this.#walk(-1),
      next_step: () => this.#walk(1),
      keys: () => this.keyHelp.open(),
    }
    acts[action]?.()
  }

  #choose(choice) {
    if (!this.#canWrite() || this.disputed.state === 'agreed') return
    this.verdict.change({ choice })
    if (choice === 'other') document.querySelector('[data-part="points"]')?.focus()
  }

  #walk(by) {
    const shown = this.view.steps.filter(({ state }) => state !== 'agreed' || this.strip.unfolded)
    const at = shown.indexOf(this.disputed)
    const to = shown[at + by]
    if (to) this.open(to)
  }

  // --- listening ----------------------------------------------------------------------------------------------------

  #listen() {
    const { words, verdict, film, strip } = this
    const { player } = film
    this.keys.addEventListener('action', ({ detail }) => this.do(detail))
    this.keys.addEventListener('learnt', () => this.#hint())
    this.case.addEventListener('changed', () => this.show())
    this.case.addEventListener('pen', () => this.show())
    this.case.addEventListener('refused', ({ detail: { error, kept } }) => {
      this.show()
      this.say(error.message, 'bad')
      if (kept?.rubric) verdict.forget(`${kept.rubric}/${kept.step}`)
      this.show()
    })
    this.case.addEventListener('offline', ({ detail }) => this.banner.set('offline', detail ? words.say('no_network') : null, { kind: 'warn' }))
    this.case.addEventListener('signed-out', () => this.#signedOut())
    strip.addEventListener('open', ({ detail }) => this.open(detail))
    for (const side of Object.values(this.sides)) side.addEventListener('play', ({ detail }) => film.play([detail]))
    for (const act of ['decide', 'lock', 'reopen']) verdict.addEventListener(act, () => this[act]())
    verdict.addEventListener('confirm', () => this.lock())
    verdict.addEventListener('disagree', () => this.disagree())
    verdict.addEventListener('template', () => this.chooseTemplate())
    verdict.addEventListener('changed', () => this.#showSides())
    this.timeline.addEventListener('seek', ({ detail }) => {
      film.stop()
      player.seek(detail)
    })
    player.addEventListener('shown', () => {
      this.timeline.position = player.time
      $('clock').textContent = words.time(player.time)
    })
    player.addEventListener('state', () => this.#playerState())
    player.addEventListener('loop', () => $('stage').classList.toggle('looping', player.looped !== null))
    const buttons = { 't-back': 'back', 't-forward': 'forward', 't-previous': 'previous_frame', 't-next': 'next_frame', 't-play': 'play', 't-mute': 'mute', 't-camera': 'next_camera', 't-first': 'play_first', 't-second': 'play_second', 't-both': 'play_both', undo: 'undo', pen: 'pen', 'show-keys': 'keys' }
    for (const [id, action] of Object.entries(buttons)) {
      $(id).addEventListener('click', () => this.do({ action }))
      if (!$(id).textContent.match(/\p{L}{2}/u)) $(id).setAttribute('aria-label', words.say(`actions.${action}`))
      $(id).title = words.say(`actions.${action}`)
    }
    $('video').addEventListener('click', () => player.toggle())
    for (const dialog of document.querySelectorAll('dialog:not(#key-help)')) dialog.addEventListener('keydown', (event) => this.#dialogKey(event, dialog))
    // The keys of the case go on at once; what opened the list may be gone, because the verdict is drawn anew.
    $('templates').addEventListener('close', () => document.activeElement?.closest('textarea') || document.activeElement?.blur())
    $('templates').addEventListener('keydown', (event) => this.#templateKey(event))
    $('show-history').addEventListener('click', () => this.#history())
    $('go-to').querySelector('form').addEventListener('submit', (event) => this.#went(event))
    this.#playerState()
  }

  #playerState() {
    const { player } = this.film
    const { words } = this
    $('t-play').textContent = player.playing ? '❚❚' : '▶'
    $('t-mute').textContent = words.say(player.muted ? 'sound_off' : 'sound_on')
    $('t-speed').textContent = `${player.speed}×`
    $('t-camera').hidden = this.view.media.length < 2
    $('t-camera').textContent = words.say('camera', { name: player.media?.camera ?? '' })
    $('buffering').hidden = !player.buffering || !player.playing
    $('stage').classList.toggle('fast', player.speed !== 1)
  }

  async #signedOut() {
    if (this.signingIn) return
    this.signingIn = true
    this.banner.set('signed-out', this.words.say('signed_out_here'), { kind: 'bad' })
    await this.signIn.again()
    this.signingIn = false
    this.banner.set('signed-out', null)
    await this.case.load().catch(() => {})
  }

  #rubricText() {
    const { words, rubric, step } = this
    const dialog = $('rubric-text')
    dialog.querySelector('h2').textContent = `${step.order}. ${words.of(step.title)}`
    const range = (level) => step.ranges[level] && [...new Set(step.ranges[level].map((end) => words.points(end)))].join('–')
    dialog.querySelector('[data-text]').replaceChildren(
      make('p', { class: 'soft' }, `${words.of(rubric.title)} ${rubric.version} · ${words.say('points_of', { max: words.points(step.max_points) })}`),
      make('h3', {}, words.say('criteria')), make('ul', {}, ...step.criteria.map((text) => make('li', {}, words.of(text)))),
      make('h3', {}, words.say('deductions')), make('ul', { class: 'taken' }, ...step.deductions.map((d) => make('li', {}, make('span', { class: 'price' }, `−${words.points(d.points)}`), ' ', words.of(d.text), d.severity === 'critical' && make('em', {}, words.say('critical'))))),
      make('h3', {}, words.say('level')), make('ul', { class: 'plain' }, ...[3, 2, 1, 0].filter(range).map((level) => make('li', {}, make('span', { class: `chip l${level}` }, words.say(`levels.${level}.name`)), ` ${range(level)}`))))
    dialog.showModal()
  }

  #history() {
    const { words, view } = this
    $('history').querySelector('[data-list]').replaceChildren(...(view.history.length ? view.history.map((act) => make('li', {},
      make('b', {}, words.say(`acts.${act.kind}`)), ` ${this.#nameOf(act)}`,
      act.choice && ` · ${act.choice === 'other' ? words.say('other_choice') : words.say('rater', { n: act.choice === 'first' ? 1 : 2 })}`,
      act.entry && ` · ${act.entry.points === null ? words.say(`statuses.${act.entry.status}`) : words.points(act.entry.points)}`,
      act.template && ` · ${words.say(`templates.${act.template}`)}`, act.rationale && make('bdi', {}, ` · ${act.rationale}`),
      make('small', { class: 'soft' }, ` – ${personName(act.by, words)} ${words.clock(act.at)}`))) : [make('li', { class: 'soft' }, words.say('no_history'))]))
    $('history').showModal()
  }

  // Escape closes a dialog, and so does the key that opened it.
  #dialogKey(event, dialog) {
    const own = { 'rubric-text': 'rubric_text', templates: 'template' }[dialog.id]
    const key = pressed(event)
    if (key !== 'Escape' && !(own && this.keys.map[own].includes(key))) return
    event.preventDefault()
    event.stopPropagation()
    dialog.close()
  }

  #goTo() {
    const dialog = $('go-to')
    dialog.querySelector('input').value = ''
    dialog.querySelector('.wrong').textContent = ''
    dialog.showModal()
  }

  #went(event) {
    const field = $('go-to').querySelector('input')
    const seconds = secondsOf(field.value)
    if (seconds !== null) return this.film.player.seek(seconds)
    event.preventDefault()
    $('go-to').querySelector('.wrong').textContent = this.words.say('no_time')
  }

  // Wherever the page names a key, it is the one that this person has for it.
  #hint() {
    for (const kbd of document.querySelectorAll('kbd[data-key]')) kbd.textContent = this.#key(kbd.dataset.key)
    if (this.at) this.verdict.draw()
    const pairs = [['take_first', 'rater_1'], ['take_second', 'rater_2'], ['take_other', 'other_points'], ['play_first', 'play_1'], ['play_second', 'play_2'], ['play_both', 'play_12'], ['rubric_text', 'rubric'], ['template', 'template'], ['decide', 'decide'], ['undo', 'undo'], ['lock', 'lock']]
    $('hint').replaceChildren(...pairs.flatMap(([action, text]) => [make('kbd', {}, this.#key(action)), ` ${this.words.say(`short.${text}`)} `]))
  }

  #key(action) {
    return shown(this.keys.map[action][0], this.words)
  }

  say(text, kind = 'note') {
    $('said').textContent = text
    const toast = $('toast')
    toast.className = `toast ${kind}`
    toast.textContent = text
    toast.hidden = false
    clearTimeout(this.fading)
    this.fading = setTimeout(() => (toast.hidden = true), 3200)
  }
}

const data = JSON.parse($('data').textContent)
const page = new Page(data)
page.start().catch((error) => {
  console.error(error)
  page.banner.set('start', page.words.say('cannot_start_case', { why: error.message }), { kind: 'bad', buttons: [[page.words.say('reload'), () => location.reload()]] })
})
