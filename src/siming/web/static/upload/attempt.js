// The attempt's page: a picture shows its place in the film; an address that has expired is asked for anew; when the
// server is done with an upload the page is loaded again.

import { ask } from './transfer.js'

class Film {
  constructor(element, csrf) {
    this.element = element
    this.video = element.querySelector('video')
    this.csrf = csrf
    this.tries = 0
    for (const picture of element.querySelectorAll('.picture')) picture.addEventListener('click', () => this.show(picture))
    this.video.addEventListener('error', () => this.renew())
    this.video.addEventListener('playing', () => { this.tries = 0 })
  }

  show(picture) {
    for (const other of this.element.querySelectorAll('.picture[aria-current]')) other.removeAttribute('aria-current')
    picture.setAttribute('aria-current', 'true')
    this.video.pause()
    this.video.currentTime = Number(picture.dataset.time)
    this.video.scrollIntoView({ block: 'nearest' })
  }

  async renew() {
    if (this.tries++ >= 2) return
    const at = this.video.currentTime
    const { url } = await ask('GET', `/api/v1/media/${this.element.dataset.media}/address`, this.csrf)
    this.video.src = url
    this.video.currentTime = at
  }
}

class Busy {
  constructor(element, csrf) {
    this.element = element
    this.csrf = csrf
    this.bar = element.querySelector('progress')
    this.look()
  }

  async look() {
    try {
      const status = await ask('GET', `/api/v1/uploads/${this.element.dataset.upload}`, this.csrf)
      if (['done', 'failed', 'cancelled'].includes(status.state)) return location.reload()
      this.bar.value = status.state === 'receiving' ? status.offset / status.size : status.progress
    } catch {
      // The server is away for a moment; the next look finds it.
    }
    setTimeout(() => this.look(), 2000)
  }
}

const data = JSON.parse(document.getElementById('data').textContent)
for (const element of document.querySelectorAll('.film')) new Film(element, data.csrf)
for (const element of document.querySelectorAll('.busy')) new Busy(element, data.csrf)
