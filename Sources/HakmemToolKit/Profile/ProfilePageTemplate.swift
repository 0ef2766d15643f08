/// The profile page's markup, style and script.
enum ProfilePageTemplate {
  static let style = """
    .owners .row{display:grid;grid-template-columns:minmax(8rem,15rem) 1fr minmax(8rem,18rem);
    gap:.75rem;align-items:center;font-size:.9rem}
    .owners svg{width:100%;height:1.2rem;display:block}.owners rect{fill:var(--c)}
    .owners small{display:block}
    .flame canvas{width:100%;display:block;cursor:pointer}
    .flame .hover{min-height:1.5em;font-size:.85rem;overflow-wrap:anywhere}
    .heap canvas{width:100%;display:block}.heap label{display:flex;gap:.75rem;margin:.75rem 0}
    .heap input{flex:1}.heap output{min-width:16rem}.heap .hover{min-height:1.5em;font-size:.85rem}
    .flame input{font:inherit;padding:.15rem .4rem;max-width:100%}
    """

  static let page =
    PageTemplates.head + """
      <p class="lead">{{lead}}</p>
      {{#isPartial}}<p class="behind"><b>Partial:</b> the notes say what is missing.</p>{{/isPartial}}
      </header>
      <main>
      <section>
      <h2>Summary</h2>
      <div class="scroll"><table>
      <thead><tr><th></th><th>value</th><th>target</th><th>status</th></tr></thead>
      {{#summary}}<tr><th scope="row">{{name}}</th><td>{{value}}</td><td>{{target}}</td>
      <td class="{{style}}">{{status}}</td></tr>{{/summary}}
      </table></div>
      </section>
      {{#sections}}
      <section class="owners">
      <h2>{{title}}</h2>
      <p class="facts">{{sentence}}</p>
      {{#bars}}<div class="row {{style}}"><span>{{name}}</span>
      <svg viewBox="0 0 1000 10" preserveAspectRatio="none"><rect width="{{width}}" height="10"/></svg>
      <span class="value">{{value}}<small>{{note}}</small></span></div>{{/bars}}
      </section>
      {{/sections}}
      {{#film}}
      <section class="heap" id="heap">
      <h2>Heap map</h2>
      <p class="facts">From left to right time, from top to bottom addresses: SuperSlabs of 2 MiB, then
      large blocks. Colour: live blocks, by their size; grey: resident, but free or never used; dark line
      below: huge pages.</p>
      <canvas class="film"></canvas>
      <label>time <input type="range" min="0" max="{{last}}" value="{{last}}" aria-label="time">
      <output></output></label>
      <p class="facts">The moment chosen: each row a SuperSlab, its 32 granules of 64 KiB (full colour:
      all live), and how much of it is live, free but resident, and on huge pages.</p>
      <canvas class="map"></canvas>
      <p class="hover"></p>
      <p class="legend"></p>
      </section>
      {{/film}}
      {{#eventTables}}
      <section>
      <h2>Events</h2>
      <div class="scroll"><table>
      {{#events}}<tr><th scope="row">{{time}}</th><td>{{text}}</td></tr>{{/events}}
      </table></div>
      </section>
      {{/eventTables}}
      {{#graphs}}
      <section class="flame" id="{{anchor}}">
      <h2>Call stacks: {{title}}</h2>
      <p class="facts">Wide is much. A click widens a call, one on the lowest row goes back.
      <input type="search" placeholder="find a function" aria-label="find a function"></p>
      <canvas></canvas>
      <p class="hover"></p>
      </section>
      {{/graphs}}
      {{#notes}}<p class="note">{{.}}</p>{{/notes}}
      </main>
      <script type="application/json" id="data">{{{data}}}</script>
      {{#film}}<script type="application/json" id="frames">{{{data}}}</script>{{/film}}
      <script>
      "use strict";
      // As text for the parser of JSON, which takes half of the time of a script's.
      const trees = JSON.parse(document.getElementById("data").textContent);
      const frames = document.getElementById("frames");
      {{{script}}}
      </script>
      </body>
      </html>

      """

  static let script = """
    const rowHeight = 18;
    function bytesText(v) {
      const units = ["B", "KiB", "MiB", "GiB", "TiB"];
      let n = 0;
      while (v >= 1024 && n < 4) { v /= 1024; n++; }
      return (n ? v.toPrecision(3) : v) + " " + units[n];
    }
    function context(canvas, height) {
      const ratio = window.devicePixelRatio || 1;
      canvas.style.height = height + "px";
      canvas.width = canvas.clientWidth * ratio;
      canvas.height = height * ratio;
      const context = canvas.getContext("2d");
      context.scale(ratio, ratio);
      context.font = "12px system-ui, sans-serif";
      return context;
    }
    function heapMap(frames, section) {
      const film = section.querySelector(".film"), map = section.querySelector(".map");
      const slider = section.querySelector("input"), output = section.querySelector("output");
      const hover = section.querySelector(".hover"), legend = section.querySelector(".legend");
      const superSlab = 2 << 20, rowHeight = 12, free = "#9aa1ac", hugeLine = "#1c1e21";
      const sizeText = size => size < 0 ? "page runs" : bytesText(size);
      const colour = (size, part) => size < 0 ? `hsl(0 0% ${70 - 40 * part}%)`
        : `hsl(${(Math.log2(size) - 4) * 24} 70% ${88 - 43 * part}%)`;
      const places = [...new Set(frames.flatMap(f =>
        f.superSlabs.map(s => "0" + s.start).concat(f.large.map(l => "1" + l.start))))].sort();
      const rowOf = new Map(places.map((place, row) => [place, row]));
      // The size that takes most of a SuperSlab.
      function chief(slab) {
        const parts = new Map();
        slab.sizes.forEach((size, i) =>
          parts.set(size, (parts.get(size) || 0) + slab.occupancy[i]));
        parts.delete(0);
        return [...parts].reduce((a, b) => b[1] > a[1] ? b : a, [-1, -1])[0];
      }
      function drawFilm() {
        const height = Math.min(Math.max(places.length * 6, 60), 480);
        const pen = context(film, height), w = film.clientWidth / frames.length;
        const h = height / places.length;
        frames.forEach((frame, column) => {
          const x = column * w;
          function bar(row, live, resident, huge, total, style) {
            const y = row * h;
            pen.fillStyle = free;
            pen.fillRect(x, y, w, h * 0.9 * resident / total);
            pen.fillStyle = style;
            pen.fillRect(x, y, w, h * 0.9 * Math.min(live, resident) / total);
            if (!huge) return;
            pen.fillStyle = hugeLine;
            pen.fillRect(x, y + h * 0.9, w, h * 0.1);
          }
          frame.superSlabs.forEach(s => bar(rowOf.get("0" + s.start), s.live, s.resident, s.huge,
            superSlab, colour(chief(s), 0.8)));
          frame.large.forEach(l => bar(rowOf.get("1" + l.start), l.isLive ? l.resident : 0,
            l.resident, l.huge, l.bytes, colour(-1, 1)));
        });
        const chosen = Number(slider.value);
        pen.strokeStyle = "#c04be0";
        pen.lineWidth = 2;
        pen.strokeRect(chosen * w, 1, w, height - 2);
      }
      function drawMap() {
        const frame = frames[slider.value], slabs = frame.superSlabs;
        const pen = context(map, Math.max((slabs.length + frame.large.length) * rowHeight, rowHeight));
        const width = map.clientWidth, cell = width * 0.7 / 32, left = width * 0.72;
        const scale = width * 0.28;
        let cells = 0;
        function bar(y, live, resident, huge, total) {
          pen.fillStyle = free;
          pen.fillRect(left, y, scale * resident / total, rowHeight - 2);
          pen.fillStyle = colour(-1, 1);
          pen.fillRect(left, y, scale * Math.min(live, resident) / total, rowHeight - 2);
          if (!huge) return;
          pen.fillStyle = "#c04be0";
          pen.fillRect(left, y + rowHeight - 4, scale * huge / total, 2);
        }
        slabs.forEach((slab, row) => {
          const y = row * rowHeight;
          slab.sizes.forEach((size, i) => {
            if (!size) return;
            pen.fillStyle = colour(size, slab.occupancy[i] / 100);
            pen.fillRect(i * cell, y, cell - 1, rowHeight - 2);
            cells++;
          });
          bar(y, slab.live, slab.resident, slab.huge, superSlab);
        });
        frame.large.forEach((block, i) => {
          const y = (slabs.length + i) * rowHeight;
          pen.fillStyle = colour(-1, block.isLive ? 1 : 0);
          pen.fillRect(0, y, cell * 32 - 1, rowHeight - 2);
          bar(y, block.isLive ? block.resident : 0, block.resident, block.huge, block.bytes);
        });
        output.textContent = `${frame.seconds.toFixed(2)} s, ${bytesText(frame.resident)} resident`;
        section.dataset.cells = cells;
      }
      function draw() { drawFilm(); drawMap(); }
      slider.addEventListener("input", draw);
      window.addEventListener("resize", draw);
      map.addEventListener("mousemove", event => {
        const frame = frames[slider.value], box = map.getBoundingClientRect();
        const row = Math.floor((event.clientY - box.top) / rowHeight);
        const slab = frame.superSlabs[row], block = frame.large[row - frame.superSlabs.length];
        if (block) {
          hover.textContent = `0x${block.start}: large block, ${bytesText(block.bytes)}, `
            + `${bytesText(block.resident)} resident${block.isLive ? "" : ", kept"}`;
        } else if (slab) {
          const i = Math.floor((event.clientX - box.left) / (map.clientWidth * 0.7 / 32));
          const size = slab.sizes[i];
          hover.textContent = `0x${slab.start}: ${bytesText(slab.live)} live, `
            + `${bytesText(slab.resident)} resident, ${bytesText(slab.huge)} on huge pages`
            + (size ? `; granule ${i}: ${sizeText(size)}, ${slab.occupancy[i]} % live` : "");
        } else hover.textContent = "";
      });
      // One key for each doubling.
      const sizes = new Set(frames.flatMap(f => f.superSlabs.flatMap(s => s.sizes)).map(size =>
        size > 0 ? 2 ** Math.floor(Math.log2(size)) : size));
      sizes.delete(0);
      for (const size of [...sizes].sort((a, b) => a - b)) {
        const key = document.createElement("span"), swatch = document.createElement("i");
        key.className = "key";
        swatch.style.cssText = `width:12px;height:12px;background:${colour(size, 0.8)}`;
        key.append(swatch, sizeText(size));
        legend.append(key);
      }
      section.dataset.frames = frames.length;
      draw();
    }
    if (frames) heapMap(JSON.parse(frames.textContent), document.getElementById("heap"));
    function flame(tree, section) {
      const canvas = section.querySelector("canvas"), hover = section.querySelector(".hover");
      const search = section.querySelector("input"), count = tree.parents.length;
      const depth = new Int32Array(count), left = new Float64Array(count);
      const used = new Float64Array(count);
      let deepest = 0;
      for (let i = 1; i < count; i++) {
        const parent = tree.parents[i];
        depth[i] = depth[parent] + 1;
        deepest = Math.max(deepest, depth[i]);
        left[i] = left[parent] + used[parent];
        used[parent] += tree.values[i];
      }
      let root = 0, wanted = "";
      const name = i => i === 0 ? "all" : tree.names[tree.frames[i]];
      const format = v => {
        return tree.unit === "bytes" ? bytesText(v) : v.toLocaleString("en") + " " + tree.unit;
      };
      const hue = text => {
        let h = 0;
        for (let i = 0; i < text.length; i++) h = (h * 31 + text.charCodeAt(i)) | 0;
        return 10 + Math.abs(h) % 50;
      };
      function place(i, width) {
        const scale = width / tree.values[root];
        return [(left[i] - left[root]) * scale, tree.values[i] * scale];
      }
      function draw() {
        const width = canvas.clientWidth, height = (deepest + 1) * rowHeight;
        const pen = context(canvas, height);
        let boxes = 0;
        for (let i = 0; i < count; i++) {
          let [x, w] = place(i, width);
          if (x + w < 0.5 || x > width || w < 0.4) continue;
          if (x < 0) { w += x; x = 0; }
          w = Math.min(w, width - x);
          const y = height - (depth[i] + 1) * rowHeight, text = name(i);
          const found = wanted && text.toLowerCase().includes(wanted);
          pen.fillStyle = found ? "#c04be0" : `hsl(${hue(text)} 75% 62%)`;
          pen.fillRect(x, y, Math.max(w - 0.5, 0.4), rowHeight - 1);
          boxes++;
          if (w > 24) {
            pen.fillStyle = "#1c1e21";
            const room = Math.floor((w - 6) / 6.4);
            pen.fillText(text.length > room ? text.slice(0, room) : text, x + 3, y + 13);
          }
        }
        section.dataset.boxes = boxes;
      }
      function at(event) {
        const box = canvas.getBoundingClientRect(), width = canvas.clientWidth;
        const row = deepest - Math.floor((event.clientY - box.top) / rowHeight);
        const x = event.clientX - box.left;
        for (let i = 0; i < count; i++) {
          if (depth[i] !== row) continue;
          const [start, w] = place(i, width);
          if (x >= start && x < start + w) return i;
        }
        return -1;
      }
      canvas.addEventListener("mousemove", event => {
        const i = at(event);
        hover.textContent = i < 0 ? "" : `${name(i)}: ${format(tree.values[i])}, `
          + `${(100 * tree.values[i] / tree.values[0]).toFixed(2)} % of all`;
      });
      canvas.addEventListener("click", event => {
        const i = at(event);
        root = i <= 0 ? 0 : i;
        draw();
      });
      search.addEventListener("input", () => { wanted = search.value.toLowerCase(); draw(); });
      window.addEventListener("resize", draw);
      draw();
    }
    trees.forEach((tree, index) => flame(tree, document.getElementById("flame" + index)));
    document.body.dataset.drawn = trees.length;
    document.body.dataset.milliseconds = Math.round(performance.now());
    """
}
