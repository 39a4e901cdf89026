// One case on this page: what the server says of it, who holds the pen, and every act on it.
// Nothing is kept here that the server has not taken, but the words of a refused decision: they come back in the refusal.
//
// Says: "changed" (the view is new), "pen" (got, lost, free), "refused" { kept, error }, "signed-out", "offline".

import { Api, ApiError } from '../rate/api.js'

const BEAT_MS = 30_000
const LOOK_MS = 4_000

export class Case extends EventTarget {
  constructor(id, csrf) {
    super()
    this.id = id
    this.api = new Api(id, csrf)
    this.base = `/api/v1/cases/${encodeURIComponent(id)}`
    this.view = null
    this.fence = null
    this.queue = Promise.resolve()
  }

  get holdsPen() {
    return this.fence !== null
  }

  get closed() {
    return ['confirmed', 'withdrawn'].includes(this.view.state)
  }

  get mayWrite() {
    return this.view.part !== 'reader' && !this.closed
  }

  // The keys a person has chosen for this page.
  keepKeys(keys) {
    return this.api.call('PUT', '/api/v1/me/keys?page=case', { keys })
  }

  async load() {
    this.view = await this.api.call('GET', this.base)
    if (this.closed && this.holdsPen) this.#lost()
    this.dispatchEvent(new Event('changed'))
    return this.view
  }

  // Look after the pen and, without it, after what the others do.
  watch() {
    setInterval(() => this.holdsPen && this.#beat(), BEAT_MS)
    // Who holds the pen moves the case himself, but for the others' confirmations.
    const waits = () => !this.closed && (!this.holdsPen || this.view.state === 'decided')
    setInterval(() => waits() && document.visibilityState === 'visible' && this.look(), LOOK_MS)
    addEventListener('pagehide', () => this.#letGo())
  }

  async look() {
    try {
      const now = await this.api.call('GET', `${this.base}/state`)
      const { view } = this
      const same = now.version === view.version && now.state === view.state && now.n_confirmed === view.confirmed.length
      if (!same || holderOf(now) !== holderOf(view)) await this.load()
      this.dispatchEvent(new CustomEvent('offline', { detail: false }))
    } catch (error) {
      this.#trouble(error)
    }
  }

  // Take the pen. A tab that had it before the page was loaded again takes it over from itself.
  async take(takeOver = sessionStorage.getItem(this.#key) !== null) {
    const moved = await this.api.call('POST', `${this.base}/take`, { take_over: takeOver })
    this.#got(moved)
    await this.load()
  }

  async release() {
    const { fence } = this
    this.#lost()
    await fetch(`${this.base}/release`, this.#post({ fence })).catch(() => {})
    await this.load()
  }

  decide(decision) {
    return this.#act('decide', decision)
  }

  reopen(rubric, step, reason) {
    return this.#act('reopen', { rubric, step, reason })
  }

  undo() {
    return this.#act('undo', {})
  }

  async close() {
    const moved = await this.#act('close', {})
    if (moved?.state === 'confirmed') this.#lost()
    return moved
  }

  async confirm() {
    const moved = await this.api.call('POST', `${this.base}/confirm`, { version: this.view.version })
    if (moved.state === 'confirmed') this.#lost()
    await this.load()
    return moved
  }

  // Instead of confirming: one step is judged again.
  async disagree(rubric, step, reason) {
    const moved = await this.api.call('POST', `${this.base}/disagree`, { version: this.view.version, rubric, step, reason })
    await this.load()
    return moved
  }

  // Acts stand in line: each says which version it was made on.
  #act(name, body) {
    const done = this.queue.then(() => this.#send(name, body))
    this.queue = done.catch(() => {})
    return done
  }

  async #send(name, body) {
    try {
      const moved = await this.api.call('POST', `${this.base}/${name}`, { fence: this.fence ?? 0, version: this.view.version, ...body })
      await this.load()
      return moved
    } catch (error) {
      if (error instanceof ApiError && error.status === 409 && error.kind !== 'incomplete') {
        if (error.kind === 'stale_writer') this.#lost()
        await this.load().catch(() => {})
        this.dispatchEvent(new CustomEvent('refused', { detail: { kept: error.detail.kept ?? null, error } }))
        return null
      }
      this.#trouble(error)
      throw error
    }
  }

  async #beat() {
    try {
      await this.api.call('POST', `${this.base}/heartbeat`, { fence: this.fence })
      this.dispatchEvent(new CustomEvent('offline', { detail: false }))
    } catch (error) {
      if (error.kind === 'stale_writer') {
        this.#lost()
        await this.load().catch(() => {})
      } else this.#trouble(error)
    }
  }

  #trouble(error) {
    if (error.status === 401) this.dispatchEvent(new Event('signed-out'))
    else if (!(error instanceof ApiError)) this.dispatchEvent(new CustomEvent('offline', { detail: true }))
  }

  #got({ fence }) {
    this.fence = fence
    sessionStorage.setItem(this.#key, String(fence))
    this.dispatchEvent(new Event('pen'))
  }

  #lost() {
    this.fence = null
    sessionStorage.removeItem(this.#key)
    this.dispatchEvent(new Event('pen'))
  }

  // The others need not wait for the lease to run out.
  #letGo() {
    if (this.holdsPen) fetch(`${this.base}/release`, { ...this.#post({ fence: this.fence }), keepalive: true }).catch(() => {})
  }

  #post(body) {
    return { method: 'POST', credentials: 'same-origin', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': this.api.csrf }, body: JSON.stringify(body) }
  }

  get #key() {
    return `siming.case.${this.id}`
  }
}

function holderOf({ holder }) {
  return holder ? `${holder.name} ${holder.place} ${holder.me}` : ''
}
