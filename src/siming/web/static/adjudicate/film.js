// The film of a case: addresses that end, and stretches played one after the other.

import { endOf } from '../rate/cameras.js'
import { Player } from '../rate/player.js'

const AHEAD_MS = 120_000

export class Film {
  constructor(video, api, { server_time, media }) {
    this.api = api
    this.all = media
    this.off = Date.parse(server_time) - Date.now()
    this.player = new Player(video, { frames: (film) => this.#table(film) })
    this.rest = []
    this.current = null
    this.player.addEventListener('shown', () => this.#next())
    this.player.addEventListener('failed', () => this.#renew())
  }

  get duration() {
    return this.player.duration
  }

  async begin() {
    if (!this.all.length) return
    await this.player.use(this.all[0])
    this.#watch()
  }

  async nextCamera() {
    if (this.all.length < 2) return
    const at = this.all.findIndex(({ id }) => id === this.player.media.id)
    await this.player.use(this.all[(at + 1) % this.all.length])
    this.#watch()
  }

  // Play stretches in turn and stop after the last one.
  play(intervals) {
    this.player.loop(null)
    this.rest = [...intervals]
    this.#begin()
  }

  // Anything else that moves the film ends that.
  stop() {
    this.rest = []
    this.current = null
  }

  loop() {
    const { player, current } = this
    player.loop(player.looped ? null : current)
  }

  #begin() {
    this.current = this.rest.shift() ?? null
    if (!this.current) return
    this.player.seek(this.current[0])
    this.player.video.play().catch(() => {})
    this.playing = true
  }

  #next() {
    const { player, current } = this
    if (!current || !this.playing || player.looped || player.video.seeking || player.time < current[1]) return
    if (this.rest.length) return this.#begin()
    this.playing = false
    player.pause()
  }

  async #table({ frames_url }) {
    try {
      return await this.api.call('GET', frames_url)
    } catch {
      return null
    }
  }

  #watch() {
    clearTimeout(this.timer)
    const until = endOf(this.player.media?.url)
    if (until !== null) this.timer = setTimeout(() => this.#renew(), Math.max(5000, until - Date.now() - this.off - AHEAD_MS))
  }

  // A signed address ends; a new one is fetched before, and changed over to while nothing moves.
  async #renew() {
    const { player } = this
    const { media } = player
    if (!media || this.renewing) return
    this.renewing = true
    try {
      const { url } = await this.api.call('GET', `/api/v1/media/${encodeURIComponent(media.id)}/address`)
      const fresh = { ...media, url }
      this.all = this.all.map((film) => (film.id === media.id ? fresh : film))
      if (player.playing) player.video.addEventListener('pause', () => player.use(fresh), { once: true })
      else await player.use(fresh)
    } catch {
      // No network, or the session has ended: asked again below.
    }
    this.renewing = false
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.#watch(), 30_000)
  }
}
