// What is seen of an upload: the row of a chosen file, and the row of a transfer.

export function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB']
  let at = 0
  while (n >= 1000 && at < units.length - 1) { n /= 1000; at += 1 }
  return `${at === 0 ? n : n.toFixed(n < 10 ? 1 : 0)} ${units[at]}`
}

export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
}

// A code that sheets can carry, made from a file's name: people name files by the attempt more often than not.
export function codeFrom(name) {
  const stem = name.replace(/\.[^.]*$/, '').normalize('NFKD').replace(/[^A-Za-z0-9._-]+/g, '-')
  return stem.replace(/^[^A-Za-z0-9]+/, '').replace(/-+$/, '').slice(0, 64)
}

// A file that was chosen and not sent yet. Says "send" with code and camera, "drop" when it was not meant.
export class ChosenRow extends EventTarget {
  constructor(template, file, texts) {
    super()
    this.file = file
    this.element = template.content.firstElementChild.cloneNode(true)
    this.element.querySelector('.name').textContent = file.name
    this.element.querySelector('.size').textContent = bytes(file.size)
    this.code = this.element.querySelector('[name=code]')
    this.code.value ||= codeFrom(file.name)
    this.camera = this.element.querySelector('[name=camera]')
    this.trouble = this.element.querySelector('.trouble')
    this.codeHint = texts.code_hint
    this.element.querySelector('.send').addEventListener('click', () => this.send())
    this.element.querySelector('.drop-it').addEventListener('click', () => this.dispatchEvent(new Event('drop')))
    this.element.addEventListener('keydown', (event) => { if (event.key === 'Enter' && event.target.tagName === 'INPUT') this.send() })
  }

  send() {
    const code = this.code.value.trim()
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(code)) return this.say(this.codeHint)
    this.say('')
    this.dispatchEvent(new CustomEvent('send', { detail: { code, camera: this.camera.value.trim() || 'main' } }))
  }

  // A second film of one camera takes the place of the first for raters: it is sent once that was said and pressed again.
  agreesTo({ code, camera }, texts) {
    const asked = `${code}\n${camera}`
    if (this.asked === asked) return true
    this.asked = asked
    this.say(filled(texts.second_film, { code, camera }))
    this.element.querySelector('.send').textContent = texts.second_film_send
    return false
  }

  say(text) {
    this.trouble.textContent = text
    this.trouble.hidden = !text
    if (text) this.code.focus()
  }
}

// A transfer: its bar, its words, its buttons.
export class TransferRow {
  constructor(template, transfer, page) {
    this.transfer = transfer
    this.page = page
    this.element = template.content.firstElementChild.cloneNode(true)
    this.at = (name) => this.element.querySelector(`.${name}`)
    this.at('pause').addEventListener('click', () => transfer.pause())
    this.at('resume').addEventListener('click', () => (transfer.file ? transfer.run() : page.choose()))
    this.at('cancel').addEventListener('click', () => transfer.cancel().catch((error) => { transfer.trouble = error.message; this.show() }))
    for (const event of ['progress', 'change']) transfer.addEventListener(event, () => this.show())
    this.show()
  }

  show() {
    const { transfer } = this
    const { status } = transfer
    const { texts, project } = this.page
    const link = `/p/${project}/attempts/${encodeURIComponent(status.attempt)}`
    this.element.className = `card transfer ${status.state}`
    this.at('attempt').textContent = status.attempt
    this.at('attempt').href = link
    this.at('name').textContent = status.file_name
    this.at('size').textContent = bytes(status.size)
    const state = this.at('state')
    state.textContent = texts[`state.${transfer.sending && !transfer.running ? 'paused' : status.state}`]
    state.className = `chip state ${{ done: 'good', failed: 'bad', receiving: '', queued: 'plain', working: '', cancelled: 'plain' }[status.state]}`
    const bar = this.element.querySelector('progress')
    bar.value = transfer.sending ? status.offset / status.size : status.state === 'working' ? status.progress : status.state === 'queued' ? 0 : 1
    bar.setAttribute('aria-label', state.textContent)
    bar.hidden = status.state === 'cancelled'
    this.at('said').textContent = this.words()
    this.at('pause').hidden = !(transfer.sending && transfer.running)
    this.at('resume').hidden = !(transfer.sending && !transfer.running)
    this.at('resume').textContent = transfer.file ? texts.resume : texts.choose_again
    this.at('cancel').hidden = !transfer.sending
    this.at('look').hidden = status.state !== 'done'
    this.at('look').href = link
  }

  words() {
    const { transfer } = this
    const { status } = transfer
    const { texts } = this.page
    if (transfer.trouble) return texts[`trouble.${transfer.trouble}`] ?? transfer.trouble
    if (status.message) return status.message
    if (status.state === 'working') return filled(texts.working, { share: Math.round(100 * status.progress) })
    if (!transfer.sending) return ''
    const sent = filled(texts.sent, { sent: bytes(status.offset), size: bytes(status.size) })
    if (!transfer.running) return transfer.file ? sent : `${sent}. ${texts.same_file}`
    if (!transfer.bytesPerS) return sent
    const left = Math.ceil((status.size - status.offset) / transfer.bytesPerS)
    return `${sent}, ${filled(texts.left, { rate: bytes(transfer.bytesPerS), left: left > 90 ? `${Math.ceil(left / 60)} min` : `${left} s` })}`
  }
}
