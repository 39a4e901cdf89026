// Makes the page pleasant; without it everything is still there, expanded and in the first language.
'use strict';

(() => {
  const root = document.documentElement;
  const TAGS = { en: 'en', zh: 'zh-Hans' };

  // Storage may be forbidden (a file opened from a mail, a private window); the switches still work then.
  const remember = (key, value) => { try { localStorage.setItem(`siming.${key}`, value); } catch { /* not kept */ } };
  const recall = (key) => { try { return localStorage.getItem(`siming.${key}`); } catch { return null; } };

  function setLanguage(code) {
    root.dataset.lang = code;
    root.lang = TAGS[code];
    const title = document.querySelector('title');
    if (title) document.title = title.dataset[code];
    press('setLang', code);
  }

  function setTheme(theme) {
    if (theme) root.dataset.theme = theme;
    press('setTheme', theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
  }

  function press(name, value) {
    const attribute = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    for (const button of document.querySelectorAll(`[data-${attribute}]`)) {
      button.setAttribute('aria-pressed', String(button.dataset[name] === value));
    }
  }

  // One view at a time: the overview, or the attempt that the address names.
  function route({ moveFocus }) {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const attempt = target?.closest('.attempt');
    root.classList.toggle('in-attempt', Boolean(attempt));
    for (const section of document.querySelectorAll('.attempt')) section.classList.toggle('open', section === attempt);
    if (attempt && target === attempt) {
      scrollTo(0, 0);
      if (moveFocus) document.getElementById(`${attempt.id}-title`).focus({ preventScroll: true });
    } else if (target) {
      target.scrollIntoView();
    }
  }

  // Beside its button where there is room, inside the window always.
  function placeBeside(card, button) {
    const at = button.getBoundingClientRect();
    const gap = 6;
    const left = Math.max(gap, Math.min(at.left, innerWidth - card.offsetWidth - gap));
    const below = at.bottom + gap;
    const top = below + card.offsetHeight < innerHeight ? below : Math.max(gap, at.top - card.offsetHeight - gap);
    Object.assign(card.style, { margin: '0', left: `${left}px`, top: `${top}px` });
  }

  const asked = new URLSearchParams(location.search).get('lang');
  const known = (code) => (code in TAGS ? code : null);
  const language = known(asked) || known(recall('lang')) || root.dataset.lang;
  const theme = recall('theme');
  root.classList.add('js');
  setLanguage(language);
  setTheme(theme);

  document.addEventListener('DOMContentLoaded', () => {
    setLanguage(language);
    setTheme(theme);
    for (const details of document.querySelectorAll('details.closes')) details.open = false;
    for (const card of document.querySelectorAll('[popover]')) {
      card.addEventListener('toggle', ({ newState }) => {
        if (newState === 'open') placeBeside(card, document.querySelector(`[popovertarget="${card.id}"]`));
      });
    }
    document.addEventListener('click', ({ target }) => {
      const button = target.closest('[data-set-lang], [data-set-theme]');
      if (!button) return;
      const { setLang, setTheme: scheme } = button.dataset;
      if (setLang) { setLanguage(setLang); remember('lang', setLang); }
      if (scheme) { setTheme(scheme); remember('theme', scheme); }
    });
    document.addEventListener('keydown', (event) => {
      if (!root.classList.contains('in-attempt') || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target.closest('[tabindex="0"], input')) return; // arrows scroll there
      const link = { ArrowLeft: ':first-child', ArrowRight: ':last-child' }[event.key];
      const attempt = document.querySelector('.attempt.open');
      if (link) attempt.querySelector(`.attempt-nav > a${link}`)?.click();
    });
    addEventListener('hashchange', () => route({ moveFocus: true }));
    route({ moveFocus: false });
  });
})();
