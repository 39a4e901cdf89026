// The upload page: chosen files become transfers; two are sent at a time; what the server works on is asked for.

import { Transfer, Refused, ask, fingerprintOf } from './transfer.js'
import { ChosenRow, TransferRow } from './rows.js'

const AT_ONCE = 2
const LOOK_EVERY_MS = 1500

class UploadPage {
  constructor(data) {
    this.project = data.project
    this.csrf = data.csrf
    this.texts = data.texts
    this.transfers = []
    this.chosen = new Set()
    this.at = (id) => document.getElementById(id)
    for (const status of data.uploads.toReversed()) this.add(new Transfer(status, null, this.csrf))
    this.listen()
    this.look()
  }

  listen() {
    const files = this.at('files')
    if (!files) return
    const take = () => { this.take([...files.files]); files.value = '' }
    files.addEventListener('change', take)
    if (files.files.length) take() // chosen before this script was there
    const drop = this.at('drop')
    for (const name of ['dragenter', 'dragover']) addEventListener(name, (event) => { event.preventDefault(); drop.classList.add('over') })
    addEventListener('dragleave', (event) => { if (!event.relatedTarget) drop.classList.remove('over') })
    addEventListener('drop', (event) => {
      event.preventDefault()
      drop.classList.remove('over')
      this.take([...event.dataTransfer.files])
    })
    this.at('all').querySelector('button').addEventListener('click', () => { for (const row of [...this.chosen]) row.send() })
    this.at('options').addEventListener('submit', (event) => event.preventDefault())
    addEventListener('beforeunload', (event) => { if (this.transfers.some((transfer) => transfer.running)) event.preventDefault() })
  }

  choose() { this.at('files')?.click() }

  // A file that was on its way before the page was loaded goes on; any other is asked for its attempt.
  async take(files) {
    for (const file of files) {
      const print = await fingerprintOf(file)
      const known = this.transfers.find((transfer) => transfer.sending && !transfer.file && transfer.status.fingerprint === print)
      if (known) {
        known.file = file
        this.pump()
      } else {
        this.offer(file, print)
      }
    }
  }

  offer(file, print) {
    const row = new ChosenRow(this.at('chosen-row'), file, this.texts)
    const done = () => { this.chosen.delete(row); row.element.remove(); this.at('all').hidden = this.chosen.size < 2 }
    row.addEventListener('drop', done)
    row.addEventListener('send', async ({ detail }) => {
      try {
        const asked = new URLSearchParams({ project: this.project, attempt: detail.code })
        const held = await ask('GET', `/api/v1/uploads/cameras?${asked}`, this.csrf)
        if (held.includes(detail.camera) && !row.agreesTo(detail, this.texts)) return
        const status = await ask('POST', '/api/v1/uploads', this.csrf, {
          project: this.project, attempt: detail.code, camera: detail.camera, file_name: file.name, size: file.size,
          fingerprint: print, recipe: this.recipe(),
        })
        done()
        this.add(new Transfer(status, file, this.csrf))
        this.pump()
      } catch (error) {
        row.say(error instanceof Refused ? error.message : this.texts['trouble.waiting'])
      }
    })
    this.chosen.add(row)
    this.at('chosen').append(row.element)
    this.at('all').hidden = this.chosen.size < 2
    row.code.focus()
  }

  recipe() {
    const options = new FormData(this.at('options'))
    return { faces: options.get('faces'), sound: options.get('sound'), max_side: Number(options.get('max_side')) }
  }

  add(transfer) {
    this.transfers.push(transfer)
    transfer.addEventListener('change', () => this.pump())
    this.at('transfers').prepend(new TransferRow(this.at('upload-row'), transfer, this).element)
    this.at('nothing').hidden = true
  }

  // Starts what may be started: files at hand, not paused, not stopped by trouble.
  pump() {
    const running = this.transfers.filter((transfer) => transfer.running).length
    const ready = this.transfers.filter((transfer) => transfer.file && transfer.sending && !transfer.running && !transfer.paused && !transfer.trouble)
    for (const transfer of ready.slice(0, Math.max(0, AT_ONCE - running))) transfer.run()
  }

  async look() {
    const waiting = this.transfers.filter((transfer) => ['queued', 'working'].includes(transfer.status.state))
    if (waiting.length && !document.hidden) {
      try {
        const found = new Map((await ask('GET', `/api/v1/uploads?project=${encodeURIComponent(this.project)}`, this.csrf)).map((status) => [status.id, status]))
        for (const transfer of waiting) {
          const status = found.get(transfer.status.id)
          if (status) { transfer.take(status); transfer.say('progress') }
        }
      } catch {
        // The server is away for a moment; the next look finds it.
      }
    }
    setTimeout(() => this.look(), LOOK_EVERY_MS)
  }
}

new UploadPage(JSON.parse(document.getElementById('data').textContent))
