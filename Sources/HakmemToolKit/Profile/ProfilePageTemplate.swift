/// The profile page's markup, style and script.
enum ProfilePageTemplate {
  static let style = """
    .owners .row{display:grid;grid-template-columns:minmax(8rem,15rem) 1fr minmax(8rem,18rem);
    gap:.75rem;align-items:center;font-size:.9rem}
    .owners svg{width:100%;height:1.2rem;display:block}.owners rect{fill:var(--c)}
    .owners small{display:block}
    .flame canvas{width:100%;display:block;cursor:pointer}
    .flame .hover{min-height:1.5em;font-size:.85rem;overflow-wrap:anywhere}
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
      <script>
      "use strict";
      // As text for the parser of JSON, which takes half of the time of a script's.
      const trees = JSON.parse(document.getElementById("data").textContent);
      {{{script}}}
      </script>
      </body>
      </html>

      """

  static let script = """
    const rowHeight = 18;
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
        if (tree.unit !== "bytes") return v.toLocaleString("en") + " " + tree.unit;
        const units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let n = 0;
        while (v >= 1024 && n < 4) { v /= 1024; n++; }
        return v.toPrecision(3) + " " + units[n];
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
        const ratio = window.devicePixelRatio || 1;
        canvas.style.height = height + "px";
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        const context = canvas.getContext("2d");
        context.scale(ratio, ratio);
        context.font = "12px system-ui, sans-serif";
        let boxes = 0;
        for (let i = 0; i < count; i++) {
          let [x, w] = place(i, width);
          if (x + w < 0.5 || x > width || w < 0.4) continue;
          if (x < 0) { w += x; x = 0; }
          w = Math.min(w, width - x);
          const y = height - (depth[i] + 1) * rowHeight, text = name(i);
          const found = wanted && text.toLowerCase().includes(wanted);
          context.fillStyle = found ? "#c04be0" : `hsl(${hue(text)} 75% 62%)`;
          context.fillRect(x, y, Math.max(w - 0.5, 0.4), rowHeight - 1);
          boxes++;
          if (w > 24) {
            context.fillStyle = "#1c1e21";
            const room = Math.floor((w - 6) / 6.4);
            context.fillText(text.length > room ? text.slice(0, room) : text, x + 3, y + 13);
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
