// Charts over the epochs, or over the cost: small inline SVG, redrawn when the width changes.
'use strict'

const SVG = 'http://www.w3.org/2000/svg'
const ROOM = { left: 46, right: 12, top: 14, bottom: 30 }
const HEIGHT = 210

/** An SVG element under `parent`. */
function draw(parent, name, attributes = {}, text = '') {
  const node = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  if (text !== '') node.textContent = text
  parent.append(node)
  return node
}

/** An HTML element under `parent`; `text` is never read as HTML. */
function add(parent, name, className = '', text = '') {
  const node = document.createElement(name)
  if (className) node.className = className
  if (text !== '') node.textContent = text
  parent.append(node)
  return node
}

const known = (values) => values.filter((value) => value !== null && value !== undefined)

/** About `count` round numbers from `low` to `high`. */
function ticks(low, high, count, whole = false) {
  const rough = (high - low) / count || 1
  const power = 10 ** Math.floor(Math.log10(rough))
  let step = [1, 2, 2.5, 5, 10].map((of) => of * power).find((of) => of >= rough * 0.8)
  if (whole) step = Math.max(1, Math.ceil(step))
  const found = []
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push(at)
  return found
}

function short(value) {
  if (Math.abs(value) >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`
  if (Math.abs(value) >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`
  return `${+value.toPrecision(5)}`
}

const percent = (value) => `${(100 * value).toFixed(1)} %`

/**
 * A figure with a title, a legend with the values at the slider's epoch, and a plot.
 * options: title, series [{name, values, color, between, dash}], format, tick (labels of y),
 * whole, zero (y begins at 0), low, high, reference {value, name}, stacked, log
 * Returns {show(epoch)}.
 */
function chart(host, options, run, go) {
  const { series, format = short, tick = short } = options
  const figure = add(host, 'figure', 'chart')
  const caption = add(figure, 'figcaption')
  add(caption, 'h3', '', options.title)
  const legend = add(caption, 'div', 'legend')
  const values = series.map((one) => {
    const entry = add(legend, 'span')
    add(entry, 'i').style.background = `var(${one.color})`
    entry.append(`${one.name} `)
    return add(entry, 'b')
  })
  const picture = draw(figure, 'svg', { role: 'img', height: HEIGHT })
  const title = draw(picture, 'title', {}, `${options.title} over the epochs`)
  const plot = draw(picture, 'g')
  const cursor = draw(picture, 'line', { class: 'cursor', y1: ROOM.top, y2: HEIGHT - ROOM.bottom })
  let x = () => 0
  let epoch = 1

  function plotLines(y) {
    for (const one of series) {
      const points = one.values.map((value, at) => (value === null ? null : `${x(at + 1)} ${y(value)}`))
      if (one.between) {
        const both = one.values.map((value, at) => [value, one.between[at], at]).filter(([a, b]) => a !== null && b !== null)
        const down = both.map(([value, , at]) => `${x(at + 1)},${y(value)}`)
        const up = both.map(([, value, at]) => `${x(at + 1)},${y(value)}`).reverse()
        draw(plot, 'polygon', { class: 'between', points: [...down, ...up].join(' ') }).style.fill = `var(${one.color})`
      }
      // a value that is not a number (a loss of NaN) is a gap in the line
      const path = points.map((point, at) => (point ? `${at && points[at - 1] ? 'L' : 'M'}${point}` : '')).join('')
      const line = draw(plot, 'path', { class: 'series', d: path })
      line.style.stroke = `var(${one.color})`
      if (one.dash) line.setAttribute('stroke-dasharray', one.dash)
      if (known(one.values).length === 1) {
        const at = one.values.findIndex((value) => value !== null)
        draw(plot, 'circle', { cx: x(at + 1), cy: y(one.values[at]), r: 3 }).style.fill = `var(${one.color})`
      }
    }
  }

  function plotStacks(y) {
    const wide = Math.max(1, ((x(run.epochs) - x(1)) / Math.max(1, run.epochs - 1)) * 0.86 || 20)
    for (let at = 0; at < run.epochs; at++) {
      let base = 0
      for (const one of series) {
        const value = one.values[at]
        if (!value) continue
        draw(plot, 'rect', {
          x: x(at + 1) - wide / 2, width: wide, y: y(base + value), height: Math.max(0, y(base) - y(base + value) - 1),
        }).style.fill = `var(${one.color})`
        base += value
      }
    }
  }

  function render() {
    const width = Math.max(160, figure.clientWidth)
    picture.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    plot.replaceChildren()
    const all = options.stacked
      ? [0, ...series[0].values.map((_, at) => series.reduce((sum, one) => sum + (one.values[at] || 0), 0))]
      : known(series.flatMap((one) => one.values))
    let low = options.low ?? Math.min(...all)
    let high = options.high ?? Math.max(...all)
    if (options.zero) low = Math.min(0, low)
    if (options.reference) high = Math.max(high, options.reference.value)
    if (high - low < 1e-9) [low, high] = options.whole ? [low, low + 1] : [low - Math.abs(low) * 0.05 - 1e-6, high + Math.abs(high) * 0.05 + 1e-6]
    const inside = options.stacked ? (width - ROOM.left - ROOM.right) / run.epochs / 2 : 0
    x = (at) => ROOM.left + inside + ((at - 1) / Math.max(1, run.epochs - 1)) * (width - ROOM.left - ROOM.right - 2 * inside)
    const y = (value) => HEIGHT - ROOM.bottom - ((value - low) / (high - low)) * (HEIGHT - ROOM.top - ROOM.bottom)
    for (const at of ticks(low, high, 4, options.whole)) {
      draw(plot, 'line', { class: 'grid', x1: ROOM.left, x2: width - ROOM.right, y1: y(at), y2: y(at) })
      draw(plot, 'text', { x: ROOM.left - 7, y: y(at) + 4, 'text-anchor': 'end' }, tick(at))
    }
    epochAxis(plot, run, x, width)
    if (options.reference) {
      const at = y(options.reference.value)
      draw(plot, 'line', { class: 'axis', x1: ROOM.left, x2: width - ROOM.right, y1: at, y2: at, 'stroke-dasharray': '4 4' })
      draw(plot, 'text', { x: width - ROOM.right - 2, y: at + 13, 'text-anchor': 'end' }, options.reference.name)
    }
    if (options.stacked) plotStacks(y)
    else plotLines(y)
    show(epoch)
  }

  function show(number) {
    epoch = number
    cursor.setAttribute('x1', x(epoch))
    cursor.setAttribute('x2', x(epoch))
    series.forEach((one, at) => {
      const value = one.values[epoch - 1]
      values[at].textContent = value === null || value === undefined ? '–' : format(value)
    })
    const all = series.map((one, at) => `${one.name} ${values[at].textContent}`).join(', ')
    title.textContent = `${options.title}; at epoch ${epoch}: ${all}`
  }

  follow(picture, (px) => {
    const nearest = Math.round(1 + ((px - x(1)) / (x(run.epochs) - x(1) || 1)) * (run.epochs - 1))
    go(Math.min(run.epochs, Math.max(1, nearest)))
  })
  new ResizeObserver(render).observe(figure)
  render()
  return { show }
}

function epochAxis(plot, run, x, width) {
  const floor = HEIGHT - ROOM.bottom
  draw(plot, 'line', { class: 'axis', x1: ROOM.left, x2: width - ROOM.right, y1: floor, y2: floor })
  for (const at of ticks(1, run.epochs, Math.max(2, Math.min(8, width / 70)), true)) {
    if (at >= 1) draw(plot, 'text', { x: x(at), y: floor + 16, 'text-anchor': 'middle' }, `${at}`)
  }
  draw(plot, 'text', { x: width - ROOM.right, y: floor + 28, 'text-anchor': 'end' }, 'epoch')
  if (run.chosen) {
    const at = x(run.chosen)
    draw(plot, 'line', { class: 'chosen', x1: at, x2: at, y1: ROOM.top, y2: floor })
    const end = at > width - 60
    draw(plot, 'text', { class: 'chosen-text', x: end ? at + 2 : at + 4, y: ROOM.top - 3, 'text-anchor': end ? 'end' : 'start' }, 'chosen')
  }
}

/** Calls `move(x)` while the pointer is pressed on an element and moves. */
function follow(element, move) {
  const at = (event) => move(event.clientX - element.getBoundingClientRect().left)
  element.addEventListener('pointerdown', (event) => {
    if (event.button) return
    element.setPointerCapture(event.pointerId)
    at(event)
  })
  element.addEventListener('pointermove', (event) => element.hasPointerCapture(event.pointerId) && at(event))
}

/**
 * Candidates as dots: `across` ("cost", "parameters" or a measure) against their value.
 * With the cost, the best so far as a line; `front` are the numbers of marked candidates, `joined`
 * with a line.  Returns {show(epoch)}.
 */
function scatter(host, options, run, go) {
  const { across, front = [], joined = false } = options
  const dots = run.candidates.filter((one) => one.value !== null && typeof one[across] === 'number')
  const lower = run.metric === 'perplexity'
  const better = (a, b) => (lower ? a.value < b.value : a.value > b.value)
  const byNumber = new Map(run.candidates.map((one) => [one.number, one]))
  const format = lower ? short : percent
  const figure = add(host, 'figure', 'chart')
  const caption = add(figure, 'figcaption')
  add(caption, 'h3', '', options.title)
  const legend = add(caption, 'div', 'legend')
  const picture = draw(figure, 'svg', { role: 'img', height: 280 })
  const title = draw(picture, 'title', {}, options.title)
  const plot = draw(picture, 'g')
  const over = draw(picture, 'g')
  let epoch = 1
  let x, y, marks

  function render() {
    const width = Math.max(160, figure.clientWidth)
    const floor = 280 - ROOM.bottom - 12
    picture.setAttribute('viewBox', `0 0 ${width} 280`)
    plot.replaceChildren()
    const values = dots.map((one) => one.value)
    const places = dots.map((one) => one[across])
    let [low, high] = [Math.min(...values), Math.max(...values)]
    const room = (high - low) * 0.06 || 0.01
    ;[low, high] = [low - room, high + room]
    const left = across === 'cost' ? 0 : Math.min(...places) * 0.95
    const right = Math.max(...places) * 1.02
    x = (value) => ROOM.left + ((value - left) / (right - left || 1)) * (width - ROOM.left - ROOM.right)
    y = (value) => floor - ((value - low) / (high - low)) * (floor - ROOM.top)
    for (const at of ticks(low, high, 5)) {
      draw(plot, 'line', { class: 'grid', x1: ROOM.left, x2: width - ROOM.right, y1: y(at), y2: y(at) })
      draw(plot, 'text', { x: ROOM.left - 7, y: y(at) + 4, 'text-anchor': 'end' }, lower ? short(at) : `${+(100 * at).toFixed(1)} %`)
    }
    draw(plot, 'line', { class: 'axis', x1: ROOM.left, x2: width - ROOM.right, y1: floor, y2: floor })
    for (const at of ticks(left, right, Math.max(2, width / 90))) draw(plot, 'text', { x: x(at), y: floor + 16, 'text-anchor': 'middle' }, short(at))
    draw(plot, 'text', { x: width - ROOM.right, y: floor + 34, 'text-anchor': 'end' }, options.label)
    if (across === 'cost') {
      let best = null
      let path = ''
      for (const one of dots) {
        if (best && !better(one, best)) continue
        path += best ? `H${x(one.cost)}V${y(one.value)}` : `M${x(one.cost)} ${y(one.value)}`
        best = one
      }
      draw(plot, 'path', { class: 'series', d: `${path}H${width - ROOM.right}` }).style.stroke = 'var(--three)'
    }
    if (joined && front.length) {
      const line = dots.filter((one) => front.includes(one.number)).sort((a, b) => a[across] - b[across])
      const path = line.map((one, at) => (at ? `H${x(one[across])}V${y(one.value)}` : `M${x(one[across])} ${y(one.value)}`))
      draw(plot, 'path', { class: 'series', d: path.join('') }).style.stroke = 'var(--two)'
    }
    marks = dots.map((one) => {
      const mark = draw(plot, 'circle', { class: front.includes(one.number) ? 'dot front' : 'dot', cx: x(one[across]), cy: y(one.value), r: 4.5 })
      const size = typeof one.parameters === 'number' ? `, ${one.parameters.toLocaleString('en')} parameters` : ''
      const from = one.parent === null ? '' : `, child of ${one.parent}`
      draw(mark, 'title', {}, `candidate ${one.number}, epoch ${one.epoch}: ${format(one.value)}${size}${from}`)
      mark.addEventListener('click', () => go(one.epoch))
      return mark
    })
    show(epoch)
  }

  function show(number) {
    epoch = number
    over.replaceChildren()
    let best = null
    dots.forEach((one, at) => {
      marks[at].classList.toggle('later', one.epoch > epoch)
      if (one.epoch <= epoch && (!best || better(one, best))) best = one
    })
    legend.textContent = ''
    if (!best) return
    const line = []
    for (let one = best; one && one.value !== null && line.length < 1000; one = one.parent === null ? null : byNumber.get(one.parent)) line.push(one)
    draw(over, 'polyline', { class: 'descent', points: line.map((one) => `${x(one[across])},${y(one.value)}`).join(' ') })
    draw(over, 'circle', { class: 'ring', cx: x(best[across]), cy: y(best.value), r: 8 })
    over.style.pointerEvents = 'none'
    legend.append('best so far ')
    add(legend, 'b', '', `${format(best.value)} (candidate ${best.number})`)
    title.textContent = `${options.title}; best up to epoch ${epoch}: ${format(best.value)}, candidate ${best.number}`
  }

  new ResizeObserver(render).observe(figure)
  render()
  return { show }
}
