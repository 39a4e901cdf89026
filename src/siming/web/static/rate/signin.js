// Signing in again without leaving the page, when the session has ended in the middle of the work.

import { NoNetwork } from './api.js'

export class SignIn {
  constructor(dialog, words, api, person) {
    Object.assign(this, { dialog, words, api, person })
    this.form = dialog.querySelector('form')
    this.problem = dialog.querySelector('[role=alert]')
    this.form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#send()
    })
    // Closing it would leave a page that looks well and saves nothing on the server; the sentence in the banner stays.
    dialog.addEventListener('close', () => this.settle?.(false))
  }

  // Resolves true when the same person is signed in again. Another tab may have done so already.
  async again() {
    if (this.dialog.open) return this.promise
    try {
      const session = await this.api.session()
      if (session.person === this.person.id) return true
      this.problem.textContent = this.words.say('other_person', { name: this.person.name })
    } catch (error) {
      if (error instanceof NoNetwork) return false
      this.problem.textContent = ''
    }
    this.promise = new Promise((resolve) => (this.settle = resolve))
    this.dialog.showModal()
    this.form.elements.password.focus()
    return this.promise
  }

  async #send() {
    const { password } = this.form.elements
    this.problem.textContent = ''
    try {
      const session = await this.api.signIn(this.person.login, password.value)
      password.value = ''
      if (session.person !== this.person.id) throw new Error(this.words.say('other_person', { name: this.person.name }))
      this.settle(true)
      this.dialog.close()
    } catch (error) {
      this.problem.textContent = error instanceof NoNetwork ? this.words.say('no_network') : error.code === 'sign_in_wrong' ? this.words.say('wrong_password') : error.message
    }
  }
}
