/* What pages do more where there is a script: curves under the pointer, numbers that move, forms sent once.
   Text becomes text only; nothing newer than Chromium 86 (see assets.rs). */
(function () {
  'use strict';

  const SVG = document.querySelector('svg') ? document.querySelector('svg').namespaceURI : '';
  const all = (root, selector) => Array.prototype.slice.call(root.querySelectorAll(selector));

  function svg(name, attributes) {
    const made = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach((key) => made.setAttribute(key, attributes[key]));
    return made;
  }

  /* A form is sent once. */
  document.addEventListener('submit', (event) => {
    if (event.target.method !== 'post') return;
    setTimeout(() => all(event.target, 'button').forEach((button) => { button.disabled = true; }), 0);
  });
  window.addEventListener('pageshow', () => {
    all(document, 'button').forEach((button) => { button.disabled = false; });
  });

  /* What was typed into a form that came when the session was over is not typed twice: it stays in this tab, without passwords
     and codes, until the same account is back at the form. */
  const TYPED = 'typed';
  const account = document.body.dataset.account || '';
  const isOutside = location.pathname === '/login' || location.pathname === '/welcome';
  function kept(next) {
    try {
      if (next === undefined) return JSON.parse(sessionStorage.getItem(TYPED));
      if (next === null) sessionStorage.removeItem(TYPED);
      else sessionStorage.setItem(TYPED, JSON.stringify(next));
    } catch (refused) { /* A browser that keeps nothing loses it. */ }
    return null;
  }
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post' || isOutside || account === '') return;
    const isSecret = (field) => field.type === 'password' || field.type === 'hidden' || field.type === 'file' || field.name === 'code';
    const fields = all(form, 'input, select, textarea').filter((field) => field.name && !isSecret(field))
      .map((field) => [field.name, field.value, field.type === 'checkbox' || field.type === 'radio' ? field.checked : null]);
    kept({ account: account, action: form.getAttribute('action'), page: location.pathname + location.search, fields: fields, isLost: false });
  });
  function giveBack(typed, form) {
    typed.fields.forEach((was) => {
      const same = all(form, 'input, select, textarea').filter((field) => field.name === was[0] && field.type !== 'hidden');
      const field = was[2] === null ? same[0] : same.filter((each) => each.value === was[1])[0];
      if (!field) return;
      if (was[2] === null) field.value = was[1];
      else field.checked = was[2];
    });
    kept(null);
  }
  (function () {
    const typed = kept();
    if (!typed) return;
    if (location.pathname === '/login') {
      const isLost = typed.isLost || new URLSearchParams(location.search).get('lost') === 'form';
      kept(isLost ? Object.assign(typed, { isLost: true }) : null);
      return;
    }
    if (isOutside) return;
    if (!typed.isLost || typed.account !== account) {
      kept(null);
      return;
    }
    const form = all(document, 'form').filter((each) => each.method === 'post' && each.getAttribute('action') === typed.action)[0];
    if (form && form.querySelector('input:not([type=hidden]), select, textarea')) {
      giveBack(typed, form);
      return;
    }
    const isChinese = document.documentElement.lang.indexOf('zh') === 0;
    const told = document.createElement('p');
    const link = document.createElement('a');
    told.className = 'told';
    told.setAttribute('role', 'status');
    link.href = typed.page;
    link.textContent = isChinese ? '回到刚才填写的表单（内容已保留）' : 'Back to the form (what was typed is kept)';
    told.appendChild(link);
    const main = document.querySelector('main');
    if (main) main.insertBefore(told, main.firstChild);
  }());

  /* A file that is chosen goes with its form as digits, beside its name. */
  all(document, 'input[type=file][data-digits]').forEach((chooser) => {
    const form = chooser.form;
    chooser.disabled = false;
    chooser.addEventListener('change', () => {
      const file = chooser.files[0];
      const digits = form.elements[chooser.dataset.digits];
      const named = form.elements[chooser.dataset.named];
      digits.value = '';
      named.value = '';
      if (!file) return;
      const button = form.querySelector('button');
      button.disabled = true;
      file.arrayBuffer().then((buffer) => {
        const bytes = new Uint8Array(buffer);
        const parts = [];
        for (let from = 0; from < bytes.length; from += 32768) {
          parts.push(Array.from(bytes.subarray(from, from + 32768), (byte) => (byte < 16 ? '0' : '') + byte.toString(16)).join(''));
        }
        digits.value = parts.join('');
        named.value = file.name;
      }).catch(() => {}).then(() => { button.disabled = false; });
    });
  });

  /* A curve: the value under the pointer or the arrow keys; a stretch that is drawn over is looked at closer. */
  function curve(chart) {
    const drawing = chart.querySelector('svg');
    const output = chart.querySelector('output');
    const points = JSON.parse(chart.dataset.points);
    if (!drawing || points.length === 0) return;
    const left = Number(chart.dataset.left);
    const right = Number(chart.dataset.right);
    const height = drawing.viewBox.baseVal.height;
    const cursor = svg('line', { class: 'cursor', y1: 0, y2: height, x1: -9, x2: -9 });
    const chosen = svg('rect', { class: 'chosen', y: 0, height: height, x: 0, width: 0 });
    drawing.appendChild(chosen);
    drawing.appendChild(cursor);
    let place = -1;
    let from = null;
    output.textContent = output.dataset.hint;

    const at = (event) => {
      const box = drawing.getBoundingClientRect();
      const x = (event.clientX - box.left) * drawing.viewBox.baseVal.width / box.width;
      return Math.min(Math.max(x, left), right);
    };
    const show = (next) => {
      place = Math.min(Math.max(next, 0), points.length - 1);
      const point = points[place];
      cursor.setAttribute('x1', point[0]);
      cursor.setAttribute('x2', point[0]);
      output.textContent = point[1] + '  ' + point[2] + (point[3] ? '  ' + point[3] : '');
    };
    const nearest = (x) => {
      let best = 0;
      points.forEach((point, number) => {
        if (Math.abs(point[0] - x) < Math.abs(points[best][0] - x)) best = number;
      });
      return best;
    };
    drawing.addEventListener('pointermove', (event) => {
      const x = at(event);
      show(nearest(x));
      if (from !== null) {
        chosen.setAttribute('x', Math.min(from, x));
        chosen.setAttribute('width', Math.abs(x - from));
      }
    });
    drawing.addEventListener('pointerdown', (event) => {
      from = at(event);
      drawing.setPointerCapture(event.pointerId);
    });
    drawing.addEventListener('pointerup', (event) => {
      const [one, other] = [from, at(event)].sort((a, b) => a - b);
      from = null;
      chosen.setAttribute('width', 0);
      if (other - one < 12) return;
      const time = (x) => points[nearest(x)][1];
      const address = new URL(location.href);
      address.searchParams.set('from', time(one));
      address.searchParams.set('until', time(other));
      address.hash = chart.id;
      location.assign(address.href);
    });
    chart.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      show(place + step);
    });
  }
  all(document, '.chart[data-points]').forEach(curve);

  /* Parts of a page that move: when the server says that something of their kind has changed, and every ten seconds, they
     are fetched anew, until they do not move any more. */
  function live(part, source) {
    const kinds = part.dataset.live.split(' ');
    let waiting = false;
    let again = false;
    const renew = () => {
      again = waiting;
      if (waiting) return;
      waiting = true;
      fetch(location.href, { headers: { accept: 'text/html', 'x-by-itself': '1' } })
        .then((answer) => {
          /* The session is over: what stands here is not renewed any more, and must not look as if it were. What a form was
             answered with is at the address of the form, which leads to its page: that is no end. */
          const led = new URL(answer.url).pathname;
          const isOver = answer.redirected && (led === '/login' || led === '/welcome');
          if (isOver) location.assign(answer.url);
          return answer.ok && !isOver ? answer.text() : Promise.reject(answer.status);
        })
        .then((text) => {
          const page = new DOMParser().parseFromString(text, 'text/html');
          const fresh = page.getElementById(part.id);
          if (!fresh) return;
          const nodes = Array.prototype.slice.call(fresh.childNodes);
          part.textContent = '';
          nodes.forEach((node) => part.appendChild(document.adoptNode(node)));
          if (!fresh.dataset.live) {
            source.close();
            clearInterval(timer);
          }
        })
        .catch(() => {})
        .then(() => setTimeout(() => { waiting = false; if (again) renew(); }, 1000));
    };
    const timer = setInterval(renew, 10000);
    source.addEventListener('changed', (event) => {
      if (event.data.split(' ').some((kind) => kinds.indexOf(kind) >= 0)) renew();
    });
    if (kinds.indexOf('run') >= 0) source.addEventListener('progress', renew);
  }
  const moving = all(document, '[data-live]');
  if (window.EventSource && moving.length > 0) {
    const source = new EventSource('/api/v1/stream');
    moving.forEach((part) => live(part, source));
  }
}());
