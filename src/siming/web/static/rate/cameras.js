// The attempt's videos: which camera is on show, addresses that end, the copy on the device.

import { ApiError } from './api.js'
import { isGone } from './offline.js'

const AHEAD_MS = 120_000 // a new signed address is fetched this long before the old one ends

export class Cameras {
  constructor(player, { api, shelf, words, banner }) {
    Object.assign(this, { player, api, shelf, words, banner })
    this.all = []
    this.kept = new Map()
    this.button = document.getElementById('keep-video')
    this.button.addEventListener('click', () => this.#keepOrDrop())
    player.loadTable = (media) => this.#table(media)
    player.addEventListener('failed', () => this.#failed())
    player.video.addEventListener('pause', () => this.#swap())
    player.video.addEventListener('contextmenu', (event) => event.preventDefault()) // where browsers offer to save it
  }

  // Show the first camera, or go on with the one on show where only addresses are new.
  async take({ media, server_time, state }) {
    const again = media.find(({ id }) => id === this.player.media?.id)
    if (this.player.media && !again) return this.#renewed(media)
    this.all = media
    this.#clock(server_time)
    // What is handed in needs no copy on the device any more.
    if (state === 'submitted') await Promise.all(media.map(({ sha256 }) => this.shelf.dropVideo(sha256).catch(() => {})))
    if (!media.length) return
    if (again) return this.#renewed(media)
    for (const { sha256 } of media) {
      const blob = await this.shelf.video(sha256).catch(() => null)
      if (blob) this.kept.set(sha256, URL.createObjectURL(blob))
    }
    await this.player.use(media[0], this.#address(media[0]))
    this.#watchEnd()
    this.#button()
    if (!this.kept.has(media[0].sha256) && state !== 'submitted') this.#keepSmall(media[0])
  }

  async next() {
    if (this.all.length < 2) return false
    const at = this.all.findIndex(({ id }) => id === this.player.media.id)
    const media = this.all[(at + 1) % this.all.length]
    await this.player.use(media, this.#address(media))
    this.#button()
    return true
  }

  // The video shows who somebody is: the server takes it away from everybody, and this device forgets its copy.
  async reportLeak(note) {
    const { media } = this.player
    await this.api.call('POST', `/api/v1/media/${encodeURIComponent(media.id)}/leak`, { note })
    await this.#takeAway(media)
  }

  async #takeAway(media) {
    const { player } = this
    clearTimeout(this.timer)
    this.broken = true
    player.pause()
    player.video.removeAttribute('src')
    player.video.load()
    this.kept.delete(media.sha256)
    await this.shelf.dropVideo(media.sha256)
  }

  #address(media) {
    return this.kept.get(media.sha256) ?? media.url
  }

  // The table of pictures, kept on the device with the video's hash as its name.
  async #table(media) {
    try {
      const response = await fetch(media.frames_url, { cache: 'no-store' })
      if (!response.ok) throw new Error(`status ${response.status}`)
      const table = await response.json()
      await this.shelf.keepTable(media.sha256, table).catch(() => {})
      return table
    } catch {
      return this.shelf.table(media.sha256).catch(() => null)
    }
  }

  // --- addresses that end -------------------------------------------------------------------------------------------

  #watchEnd() {
    clearTimeout(this.timer)
    const until = endOf(this.player.media?.url)
    if (until === null) return
    this.timer = setTimeout(() => this.#renew(), Math.max(5000, until - Date.now() - this.off - AHEAD_MS))
  }

  // How far this device's clock is off the server's, whose clock ends addresses.
  #clock(server_time) {
    this.off = server_time ? Date.parse(server_time) - Date.now() : 0
  }

  // Ask for new addresses. False where the film on show is no longer among them.
  async #fresh() {
    try {
      const { media, server_time } = await this.api.view()
      this.#clock(server_time)
      return await this.#renewed(media)
    } catch (error) {
      if (error instanceof ApiError && isGone(error)) return this.#renewed([])
      throw error
    }
  }

  async #renew() {
    try {
      await this.#fresh()
    } catch {
      this.timer = setTimeout(() => this.#renew(), 30_000) // no network, or a session to renew first
    }
  }

  async #renewed(media) {
    const { player, words } = this
    const before = this.all
    this.all = media
    for (const { id, sha256 } of before) if (!media.some((one) => one.id === id)) await this.shelf.dropVideo(sha256)
    if (player.media && !media.some(({ id }) => id === player.media.id)) {
      // Somebody has taken it away from everybody while it was on show.
      await this.#takeAway(player.media)
      this.banner.set('video', words.say('video_gone'), { kind: 'warn', buttons: [[words.say('reload'), () => location.reload()]] })
      return false
    }
    this.fresh = true
    this.#watchEnd()
    if (!player.playing || this.broken) await this.#swap()
    return true
  }

  // Go over to the new address while nothing moves; what is wholly loaded needs none.
  async #swap() {
    if (!this.fresh) return
    this.fresh = false
    const { player } = this
    const media = this.all.find(({ id }) => id === player.media.id)
    if (!media) return
    const address = this.#address(media)
    if (!this.broken && (address.startsWith('blob:') || wholeLoaded(player))) {
      player.media = media
      this.#watchEnd()
      return
    }
    this.broken = false
    await player.use(media, address)
    this.#watchEnd()
  }

  async #failed() {
    if (this.broken || this.player.video.src.startsWith('blob:')) return
    // An address that has ended reads as a broken file: a new one tells the two apart.
    this.broken = true
    try {
      if (await this.#fresh()) this.banner.set('video', null)
    } catch (error) {
      this.broken = false
      this.banner.set('video', this.words.say('video_failed', { why: error.message }), { kind: 'warn' })
    }
  }

  // --- the copy on the device ---------------------------------------------------------------------------------------

  async #keepSmall(media) {
    const { video } = this.player
    // What the rater waits to see comes first.
    if (video.readyState < 3) await new Promise((shown) => video.addEventListener('canplay', shown, { once: true }))
    try {
      if (await this.shelf.fetchVideo(media)) await this.#holds(media)
    } catch {
      // No network, or no room: the button stays, and says that the video is not on this device.
    }
    this.#button()
  }

  async #keepOrDrop() {
    const { player, words, button } = this
    const { media } = player
    if (await this.shelf.holdsVideo(media.sha256)) {
      await this.shelf.dropVideo(media.sha256)
      this.kept.delete(media.sha256) // what is being shown from it goes on until the page is left
      this.#button()
      return
    }
    button.disabled = true
    try {
      // The rater asked for it, whatever its size.
      await this.shelf.fetchVideo(media, { asked: true, onProgress: (share) => (button.textContent = words.say('keeping', { percent: share === null ? '…' : Math.floor(share * 100) })) })
      await this.#holds(media)
      this.banner.set('keep', null)
    } catch (error) {
      this.banner.set('keep', words.say('keep_failed', { why: error.message }), { kind: 'warn' })
    }
    button.disabled = false
    this.#button()
  }

  async #holds(media) {
    const blob = await this.shelf.video(media.sha256)
    if (blob) this.kept.set(media.sha256, URL.createObjectURL(blob))
  }

  async #button() {
    const { player, words, button } = this
    if (!player.media) return
    const kept = await this.shelf.holdsVideo(player.media.sha256).catch(() => false)
    button.hidden = false
    button.textContent = words.say(kept ? 'video_kept' : 'keep_video')
    button.title = words.say(kept ? 'video_kept_title' : 'keep_video_title')
    button.classList.toggle('kept', kept)
  }
}

// When a signed address ends, in milliseconds; null where it does not say.
export function endOf(address) {
  const until = new URL(address ?? '', location.href).searchParams.get('until')
  if (!until) return null
  const number = Number(until)
  const at = Number.isFinite(number) ? number * 1000 : Date.parse(until)
  return Number.isFinite(at) ? at : null
}

function wholeLoaded({ video }) {
  const { buffered, duration } = video
  return buffered.length === 1 && buffered.start(0) <= 0.1 && buffered.end(0) >= duration - 0.1
}
