// The video: exact to the picture, at any speed, from any camera, with what was played written down.
//
// All times that leave this class are seconds of the main camera's derivative; `clock_offset_s` of another camera is
// what must be added to its own time to get there.
//
// Says: "shown" (another picture is on show), "played" (stretches grew), "state" (playing, speed, muted, camera,
// buffering), "loop", "address" (the signed address is about to end), "failed".

import { FrameTable } from './frames.js'
import { Seen } from './seen.js'
import { withSpan } from './spans.js'

export const SPEEDS = { least: 0.25, most: 3, step: 0.25 }
const REST_MS = 40 // after the last movement: whatever came on the screen has been reported by then
const PATIENCE_MS = 500 // a film that gets stuck has no next picture to wait for
const LONGEST_GAP_S = 1.2 // between two looks at the clock while playing; more than that was a jump

export class Player extends EventTarget {
  constructor(video, { frames = () => null, played = [] } = {}) {
    super()
    this.video = video
    this.tables = new Map()
    this.loadTable = frames
    this.played = played
    this.media = null
    this.end = Infinity // of the main camera, where every time is counted
    this.shown_s = 0
    this.seen = new Seen()
    this.waiting = [] // who asked what was on the screen at a moment
    this.stirred = -Infinity // when something moved last
    this.target = null // the picture, and `bound` the time, that a seek under way is bound for
    this.bound = null
    this.looped = null
    this.buffering = false
    for (const event of ['play', 'pause', 'ratechange', 'volumechange', 'loadedmetadata', 'ended']) {
      video.addEventListener(event, () => this.#state())
    }
    for (const event of ['play', 'pause', 'seeking', 'seeked', 'waiting']) video.addEventListener(event, () => this.#stir())
    for (const event of ['play', 'seeking']) video.addEventListener(event, () => this.seen.jump())
    video.addEventListener('waiting', () => this.#buffer(true))
    for (const event of ['playing', 'seeked', 'canplay', 'error']) video.addEventListener(event, () => this.#buffer(false))
    video.addEventListener('timeupdate', () => this.#tick(null))
    video.addEventListener('seeked', () => this.#arrived())
    video.addEventListener('seeking', () => (this.last = null))
    video.addEventListener('error', () => this.#failed())
    // A page that is left or hidden is not drawn again: what is known by then has to do.
    for (const event of ['beforeunload', 'pagehide']) addEventListener(event, () => this.settle())
    document.addEventListener('visibilitychange', () => this.#answer())
    this.#watch()
  }

  // Show a camera. The position, the speed and whether it plays stay as they are.
  async use(media, address = media.url) {
    if (!this.tables.has(media.id)) {
      const table = await this.loadTable(media)
      if (table) this.tables.set(media.id, new FrameTable(table, media.duration_s))
    }
    this.settle()
    this.seen.forget()
    const at = this.media ? this.time : 0
    const playing = this.playing
    const speed = this.video.playbackRate
    if (this.end === Infinity) this.end = media.duration_s || Infinity
    this.media = media
    this.last = null
    this.video.src = address
    this.video.playbackRate = speed
    this.seek(at)
    if (playing) this.video.play().catch(() => {})
    this.#state()
  }

  get frames() {
    return this.tables.get(this.media?.id) ?? null
  }

  get offset() {
    return this.media?.clock_offset_s ?? 0
  }

  get duration() {
    return this.media?.duration_s || this.video.duration || 0
  }

  get playing() {
    return !this.video.paused && !this.video.ended
  }

  // The start of the last picture that was reported.
  get time() {
    return this.#picture(this.shown_s).start
  }

  // Start and end of the picture that a time of this camera lies in; never outside the film.
  #picture(own) {
    const { frames, offset } = this
    const inside = (seconds) => Math.min(Math.max(0, seconds + offset), this.end)
    if (!frames) return { start: inside(own), end: inside(own + 0.04) }
    const number = frames.at(own)
    return { start: inside(frames.start(number)), end: inside(frames.stop(number)) }
  }

  // Hand over the picture that was on the screen at a moment (an event's timeStamp): at once while the video rests. While
  // it moves, when the browser reports the next picture, since only then it is sure which one came before; in the order
  // asked.
  onScreen(moment, take) {
    const asked = performance.now()
    this.waiting.push({ moment: Math.min(moment ?? asked, asked), take, asked })
    this.#answer()
    if (!this.waiting.length || this.looking) return
    const look = () => {
      this.#answer()
      this.looking = this.waiting.length > 0 && requestAnimationFrame(look)
    }
    this.looking = requestAnimationFrame(look)
  }

  // Answer everybody by what is known now.
  settle() {
    this.#answer(true)
  }

  #answer(all = false) {
    while (this.waiting.length && (all || this.#known(this.waiting[0]))) {
      const { moment, take } = this.waiting.shift()
      take(this.#pictureAt(moment))
    }
  }

  #known({ moment, asked }) {
    const { video, seen } = this
    if (!video.requestVideoFrameCallback || document.visibilityState === 'hidden' || seen.beyond(moment)) return true
    const now = performance.now()
    const rests = !this.playing && !video.seeking && this.target === null && now - this.stirred > REST_MS
    return rests || now - asked > PATIENCE_MS
  }

  #pictureAt(moment) {
    const { video } = this
    if (video.requestVideoFrameCallback) return this.#picture(this.seen.at(moment, this.frames) ?? this.shown_s)
    const since_s = this.playing ? (performance.now() - moment) / 1000 : 0
    return this.#picture(video.currentTime - since_s * video.playbackRate)
  }

  #stir() {
    this.stirred = performance.now()
  }

  toggle() {
    if (this.playing) this.pause()
    else this.video.play().catch(() => this.#failed())
  }

  pause() {
    this.#stir()
    this.video.pause()
  }

  // Go to a time of the main camera: to the middle of the picture on show then, so that rounding cannot miss it.
  seek(seconds) {
    const own = Math.min(Math.max(0, seconds - this.offset), this.duration)
    this.#goTo(this.frames ? this.frames.at(own) : null, own)
  }

  // Forward or back; keys in quick succession count from where the last one is bound for.
  skip(seconds) {
    this.seek((this.bound ?? this.time) + seconds)
  }

  // The picture `pictures` further on.
  step(pictures) {
    this.pause()
    if (!this.frames) return this.seek(this.time + pictures * 0.04)
    const from = this.target ?? this.frames.at(this.shown_s)
    this.#goTo(Math.min(Math.max(0, from + pictures), this.frames.count - 1), null)
  }

  #goTo(picture, own) {
    this.target = picture
    this.bound = (picture === null ? own : this.frames.start(picture)) + this.offset
    const to = picture === null ? own : this.frames.middle(picture)
    if (this.video.readyState === 0) {
      // Before anything is loaded a seek is only remembered.
      this.shown_s = own ?? to
      this.video.addEventListener('loadedmetadata', () => (this.video.currentTime = to), { once: true })
    } else if (this.video.seeking) {
      this.queued = to
    } else {
      // A seek may have ended whose word has not come yet: what waited for it is overtaken.
      this.queued = undefined
      this.video.currentTime = to
    }
  }

  #arrived() {
    if (this.video.seeking) return // the word of an earlier seek, while the next is under way
    if (this.queued !== undefined) {
      const to = this.queued
      this.queued = undefined
      this.video.currentTime = to
    } else if (!this.video.requestVideoFrameCallback) {
      this.target = this.bound = null
      this.#show(this.video.currentTime)
    } else if (this.#isOnShow(this.shown_s)) {
      this.target = this.bound = null // its picture was painted before the word that the seek is over
    }
  }

  // A seek has come to its end when its very picture was painted: until then keys count from where it is bound for.
  #painted(seconds) {
    const there = this.target === null || !this.frames || this.#isOnShow(seconds)
    if (this.playing || (there && !this.video.seeking && this.queued === undefined)) this.target = this.bound = null
    this.#show(seconds)
  }

  #isOnShow(seconds) {
    return this.frames !== null && this.frames.at(seconds) === this.target
  }

  set speed(rate) {
    this.video.playbackRate = Math.min(SPEEDS.most, Math.max(SPEEDS.least, rate))
  }

  get speed() {
    return this.video.playbackRate
  }

  set muted(muted) {
    this.video.muted = muted
  }

  get muted() {
    return this.video.muted
  }

  // Play an interval over and over; null ends it.
  loop(interval) {
    this.looped = interval
    if (interval) {
      this.seek(interval[0])
      this.video.play().catch(() => {})
    }
    this.dispatchEvent(new Event('loop'))
  }

  // Follow what is on show. `mediaTime` is the stamp of the very picture that was handed to the screen.
  #watch() {
    if (!this.video.requestVideoFrameCallback) return
    const look = (now, picture) => {
      this.#stir()
      this.seen.note(picture, this.video.playbackRate)
      this.#answer()
      this.#painted(picture.mediaTime)
      this.video.requestVideoFrameCallback(look)
    }
    this.video.requestVideoFrameCallback(look)
  }

  #show(seconds) {
    this.shown_s = seconds
    this.#tick(seconds)
    this.dispatchEvent(new Event('shown'))
  }

  #tick(mediaTime) {
    if (mediaTime === null && !this.video.requestVideoFrameCallback) this.shown_s = this.video.currentTime
    const own = mediaTime ?? this.video.currentTime
    // What plays in a tab that nobody looks at has not been seen.
    if (this.playing && !this.video.seeking && document.visibilityState === 'visible') {
      if (this.last !== null && own > this.last && own - this.last < LONGEST_GAP_S * this.video.playbackRate) {
        this.#wasPlayed(this.last + this.offset, own + this.offset)
      }
      this.last = own
    } else {
      this.last = null
    }
    if (this.looped && this.playing && own + this.offset >= this.looped[1]) this.seek(this.looped[0])
    if (mediaTime === null) this.dispatchEvent(new Event('shown'))
  }

  #wasPlayed(start, end) {
    const rounded = [Math.max(0, Math.floor(start * 100) / 100), Math.min(this.duration, Math.ceil(end * 100) / 100)]
    if (rounded[1] <= rounded[0]) return
    this.played = withSpan(this.played, rounded, 0.05)
    this.dispatchEvent(new Event('played'))
  }

  #buffer(buffering) {
    this.buffering = buffering
    this.#state()
  }

  #state() {
    this.dispatchEvent(new Event('state'))
  }

  #failed() {
    this.dispatchEvent(new CustomEvent('failed', { detail: this.video.error }))
  }
}
