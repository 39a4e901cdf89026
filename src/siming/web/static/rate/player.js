// The video: exact to the picture, at any speed, from any camera, with what was played written down.
//
// All times that leave this class are seconds of the main camera's derivative; `clock_offset_s` of another camera is
// what must be added to its own time to get there.
//
// Says: "shown" (another picture is on show), "played" (stretches grew), "state" (playing, speed, muted, camera,
// buffering), "loop", "address" (the signed address is about to end), "failed".

import { FrameTable } from './frames.js'
import { withSpan } from './spans.js'

export const SPEEDS = { least: 0.25, most: 3, step: 0.25 }
const LONGEST_GAP_S = 1.2 // between two looks at the clock while playing; more than that was a jump

export class Player extends EventTarget {
  constructor(video, { frames = () => null, played = [] } = {}) {
    super()
    this.video = video
    this.tables = new Map()
    this.loadTable = frames
    this.played = played
    this.media = null
    this.shown_s = 0
    this.target = null // the picture, and `bound` the time, that a seek under way is bound for
    this.bound = null
    this.looped = null
    this.buffering = false
    for (const event of ['play', 'pause', 'ratechange', 'volumechange', 'loadedmetadata', 'ended']) {
      video.addEventListener(event, () => this.#state())
    }
    video.addEventListener('waiting', () => this.#buffer(true))
    for (const event of ['playing', 'seeked', 'canplay', 'error']) video.addEventListener(event, () => this.#buffer(false))
    video.addEventListener('timeupdate', () => this.#tick(null))
    video.addEventListener('seeked', () => this.#arrived())
    video.addEventListener('seeking', () => (this.last = null))
    video.addEventListener('error', () => this.#failed())
    this.#watch()
  }

  // Show a camera. The position, the speed and whether it plays stay as they are.
  async use(media, address = media.url) {
    const at = this.media ? this.time : 0
    const playing = this.playing
    const speed = this.video.playbackRate
    this.media = media
    if (!this.tables.has(media.id)) {
      const table = await this.loadTable(media)
      if (table) this.tables.set(media.id, new FrameTable(table, media.duration_s))
    }
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

  // The start of the picture on show: what the rater saw when he pressed the key.
  get time() {
    const own = this.frames ? this.frames.start(this.frames.at(this.shown_s)) : this.shown_s
    return Math.max(0, own + this.offset)
  }

  // End of the picture on show.
  get timeAfter() {
    const own = this.frames ? this.frames.stop(this.frames.at(this.shown_s)) : this.shown_s + 0.04
    return Math.max(0, own + this.offset)
  }

  toggle() {
    if (this.playing) this.video.pause()
    else this.video.play().catch(() => this.#failed())
  }

  pause() {
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
    this.video.pause()
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
    } else if (!this.video.seeking) {
      this.video.currentTime = to
    } else {
      this.queued = to
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
    }
  }

  // A seek has come to its end when its very picture was painted: until then keys count from where it is bound for.
  #painted(seconds) {
    const there = this.target === null || !this.frames || this.frames.at(seconds) === this.target
    if (this.playing || (there && !this.video.seeking && this.queued === undefined)) this.target = this.bound = null
    this.#show(seconds)
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
    const look = (now, { mediaTime }) => {
      this.#painted(mediaTime)
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
