// The receipt can be printed; without script the browser's own menu does it.
const button = document.getElementById('print')
button.hidden = false
button.addEventListener('click', () => print())
