// The assignment's way from server to page and back: opening, going on without a network, taking over, signing in again,
// what another device left aside, handing changes over as a file. Everything that stops the work is said in the banner.

import { ApiError, NoNetwork } from './api.js'
import { handOverFiles, saveFile } from './handover.js'
import { wire } from './journal.js'
import { hold } from './tabs.js'

const LONG_AWAY_MS = 60_000 // then the file to hand over is offered

export class Link {
  constructor(parts) {
    Object.assign(this, parts)
    this.ticket = null
    this.view = null
    const { desk, hints } = this
    desk.addEventListener('signed-out', () => this.#signInAgain())
    desk.addEventListener('stale', () => this.#writesElsewhere())
    desk.addEventListener('closed', ({ detail }) => this.#closed(detail))
    desk.addEventListener('failed', ({ detail }) => this.#stop('device', detail))
    desk.addEventListener('stopped', ({ detail }) => this.#stop('server', detail))
    desk.addEventListener('resumed', () => this.#resume())
    desk.addEventListener('saved', ({ detail: { limits, conflicts } }) => this.#advice(limits, conflicts))
    desk.sender.addEventListener('link', ({ detail }) => this.#online(detail))
    hints.addEventListener('taken', () => desk.sender.kick(true))
  }

  // Open the assignment. Resolves to its view, or null where there is nothing to show.
  async open(takeOver = false) {
    const { api, desk, words, banner } = this
    const kept = await this.shelf.view(this.assignment)
    const own = kept?.person === this.person.id ? kept : null
    try {
      const opened = await this.#openOnline(takeOver)
      this.ticket = opened.ticket ?? null
      this.aside = opened.aside
      this.view = opened.view
      await desk.takeUp(opened)
      await this.shelf.follow(this.assignment, opened)
      await this.#keep({ person: this.person.id, view: opened.view, fence: opened.writer ? opened.fence : null, ticket: this.ticket, limits: [], conflicts: [] })
      banner.set('away', null)
      if (opened.writer) this.hints.say('taken')
      this.#tellState(opened)
      this.#sendLeftBehind()
      if (opened.writer) desk.sender.kick(true)
      return opened.view
    } catch (error) {
      if (error instanceof ApiError) {
        await this.shelf.follow(this.assignment, { error, unsent: desk.journal.unsent.length })
        banner.set('start', words.say('cannot_start', { why: error.message }), { kind: 'bad' })
        return null
      }
      if (!(error instanceof NoNetwork)) throw error
      if (!own) {
        banner.set('start', words.say('never_opened'), { kind: 'bad', buttons: [[words.say('reload'), () => location.reload()]] })
        return null
      }
      this.ticket = own.ticket
      this.view = own.view
      this.kept = own
      this.aside = []
      desk.goOn(own.view, own.fence)
      this.saveState.lock(own.view.receipt)
      desk.sender.online = false
      banner.set('away', words.say('working_offline'), { kind: 'note' })
      this.#tryLater()
      return own.view
    }
  }

  async #openOnline(takeOver) {
    const { api, desk, signIn } = this
    try {
      return await api.open(desk.journal.client, takeOver)
    } catch (error) {
      if (!signedOut(error) || !(await signIn.again())) throw error
      return api.open(desk.journal.client, takeOver)
    }
  }

  // Opened without a network: ask again until the server answers, then take up what it has.
  #tryLater(wait = 2000) {
    const again = async () => {
      removeEventListener('online', again)
      clearTimeout(timer)
      try {
        const opened = await this.#openOnline(false)
        this.ticket = opened.ticket ?? null
        this.aside = opened.aside
        this.view = opened.view
        this.desk.sender.online = true
        await this.desk.takeUp(opened)
        await this.shelf.follow(this.assignment, opened)
        await this.#keep({ view: opened.view, fence: opened.writer ? opened.fence : null, ticket: this.ticket })
        this.banner.set('away', null)
        this.#tellState(opened)
        this.#sendLeftBehind()
        this.screen?.media(opened.view)
      } catch (error) {
        if (error instanceof NoNetwork) this.#tryLater(Math.min(wait * 2, 30_000))
        else if (error instanceof ApiError) this.#closed(error)
        else throw error
      }
    }
    const timer = setTimeout(again, wait)
    addEventListener('online', again)
  }

  follow(screen) {
    this.screen = screen
    if (this.kept) screen.mark(this.kept.limits ?? [], this.kept.conflicts ?? [])
  }

  // What earlier steps mean for later ones: shown, and kept for work without a network.
  #advice(limits, conflicts) {
    if (JSON.stringify([limits, conflicts]) === JSON.stringify([this.kept?.limits, this.kept?.conflicts])) return
    this.#keep({ limits, conflicts })
    this.screen?.mark(limits, conflicts)
  }

  async #keep(change) {
    this.kept = { ...this.kept, ...change }
    try {
      await this.shelf.keepView(this.assignment, this.kept)
    } catch (error) {
      this.#stop('device', error)
    }
  }

  #tellState({ view, writer, held_by_other }) {
    if (view.read_only) this.#readOnly(this.words.say('read_only'))
    else if (!writer && held_by_other) this.#writesElsewhere()
    else this.banner.set('writer', null)
    if (view.state === 'reopened' && view.reopened_reason) this.banner.set('reopened', this.words.say('reopened', { why: view.reopened_reason }), { kind: 'note' })
    this.saveState.lock(view.receipt)
    this.#tellAside()
  }

  #readOnly(text) {
    this.banner.set('writer', text, { kind: 'warn', buttons: this.#fileButtons() })
  }

  #writesElsewhere() {
    const { words, desk } = this
    this.banner.set('writer', words.say('elsewhere'), { kind: 'warn', buttons: [[words.say('take_over'), () => this.#takeOver()]] })
    const aside = desk.journal.records.filter(({ state }) => state === 'aside')
    if (aside.length) {
      this.aside = [...(this.aside ?? []).filter(({ client }) => client !== desk.journal.client), ...aside]
      this.#tellAside()
    }
  }

  async #takeOver() {
    this.desk.sender.pause()
    this.banner.set('writer', null)
    await this.open(true)
    this.screen?.refresh()
    this.screen?.show()
  }

  // Changes that were kept and not merged, by device; each set is merged by an explicit act alone.
  #tellAside() {
    const { words, banner, desk } = this
    const aside = this.aside ?? []
    if (!aside.length) return banner.set('aside', null)
    const clients = [...new Set(aside.map(({ client }) => client))]
    const lines = aside.map((change) => `${this.#place(change)}: ${this.#value(change)}`)
    const shown = lines.slice(0, 6)
    if (lines.length > 6) shown.push(words.say('and_more', { n: lines.length - 6 }))
    const buttons = desk.writer ? clients.map((client) => [words.say('adopt', { n: aside.filter((change) => change.client === client).length }), () => this.#adopt(client)]) : []
    banner.set('aside', words.say('aside', { n: aside.length }), { kind: 'warn', list: shown, buttons: [...buttons, [words.say('leave_aside'), () => banner.set('aside', null)]] })
  }

  async #adopt(client) {
    try {
      await this.api.adopt(client, this.desk.journal.client, this.desk.fence)
      const { journal } = this.desk
      const own = (this.aside ?? []).filter((change) => change.client === client)
      if (client === journal.client) await journal.mark(own.map(({ client_seq }) => client_seq), 'adopted')
      await this.open()
      this.screen?.refresh()
      this.screen?.show()
    } catch (error) {
      this.banner.set('adopt', error.message, { kind: 'bad' })
    }
  }

  #place({ rubric, step, field }) {
    const { words, view } = this
    const found = view.rubrics.find(({ id }) => id === rubric)
    const line = found?.steps.find(({ id }) => id === step)
    return [found?.skill, line && `${line.order}`, words.say(`fields.${field}`)].filter(Boolean).join(' ')
  }

  #value({ field, value }) {
    if (value === null) return this.words.say('cleared')
    if (field === 'evidence') return value.map(([start, end]) => `${this.words.time(start)}–${this.words.time(end)}`).join(', ')
    if (field === 'unsure') return this.words.say('unsure')
    if (field === 'played') return this.words.say('stretches', { n: value.length })
    if (field === 'blank') return value.reason
    return Array.isArray(value) ? value.join(', ') : String(value)
  }

  // Changes that tabs of this browser left unsent when they ended. They go out as what they are: if nobody wrote since,
  // they count, else they are kept aside.
  async #sendLeftBehind() {
    const { journal } = this.desk
    const left = new Map()
    for (const record of journal.others) if (record.state === 'unsent') left.set(record.client, [...(left.get(record.client) ?? []), record])
    for (const [client, records] of left) {
      // A tab that still lives sends for itself.
      if (!(await hold(navigator.locks, `siming.rate.client.${client}`))) continue
      try {
        const answer = await this.api.send({ client, fence: records[0].fence, unsent: 0, changes: records.map(wire) })
        await journal.markOthers(client, answer.acked, 'sent')
      } catch (error) {
        if (!(error instanceof ApiError)) return
        const aside = error.detail.kept_aside ?? []
        await journal.markOthers(client, aside, 'aside')
        const fresh = records.filter(({ client_seq }) => aside.includes(client_seq))
        this.aside = [...(this.aside ?? []).filter((change) => change.client !== client), ...fresh]
        this.#tellAside()
      }
    }
  }

  async #signInAgain() {
    const { banner, words } = this
    banner.set('session', words.say('signed_out'), { kind: 'warn', buttons: [[words.say('sign_in'), () => this.#signInAgain()]] })
    if (await this.signIn.again()) {
      banner.set('session', null)
      this.desk.sender.start(this.desk.fence)
    }
  }

  #closed(error) {
    this.#readOnly(this.words.say('closed', { why: error.message }))
  }

  #stop(who, error) {
    const { words, banner } = this
    const why = error?.message ?? ''
    const text = words.say(who === 'device' ? (error?.full ? 'device_full' : 'device_failed') : 'server_failed', { why })
    this.saveState.stop(words.say('not_saved'))
    banner.set('halt', text, { kind: 'bad', buttons: [...(who === 'device' ? [[words.say('reload'), () => location.reload()]] : []), ...this.#fileButtons()] })
  }

  #resume() {
    this.saveState.stop(null)
    this.banner.set('halt', null)
  }

  #fileButtons() {
    return this.desk.journal.unsent.length && this.ticket && globalThis.crypto?.subtle ? [[this.words.say('hand_over'), () => this.#handOver()]] : []
  }

  async #handOver() {
    const { journal } = this.desk
    const files = await handOverFiles(this.view, this.ticket, journal.unsent)
    files.forEach((text, at) => saveFile(`siming-${this.view.attempt_code}-${journal.client.slice(-6)}${at ? `-${at + 1}` : ''}.siming-handover.json`.replace(/[^\w.-]/g, '_'), text))
  }

  // The network went or came back. After a while without it, the changes are offered as a file.
  #online(online) {
    const { banner, words } = this
    clearTimeout(this.away)
    if (online) return banner.set('away', null)
    banner.set('away', words.say('working_offline'), { kind: 'note' })
    this.away = setTimeout(() => {
      if (!this.desk.sender.online) banner.set('away', words.say('long_offline'), { kind: 'warn', buttons: this.#fileButtons() })
    }, LONG_AWAY_MS)
  }
}

function signedOut(error) {
  return error instanceof ApiError && (error.status === 401 || error.code === 'csrf')
}
