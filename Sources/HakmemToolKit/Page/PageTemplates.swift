/// The page's markup. Charts are drawn in fields of 1000 × 1000 that stretch with the page; lines
/// keep their width.
enum PageTemplates {
  /// How every page begins, down to its title.
  static let head = """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="data:,">
    <title>{{title}}</title>
    <style>{{{style}}}</style>
    </head>
    <body>
    <header>
    <h1>{{title}}</h1>

    """

  static let page =
    head + """
      <p class="lead">{{summary}}</p>
      {{#hasVerdicts}}
      <ul class="counts">
      <li class="ahead"><b>{{ahead}}</b> ahead</li>
      <li class="none"><b>{{same}}</b> no difference</li>
      <li class="behind"><b>{{behind}}</b> behind</li>
      </ul>
      {{/hasVerdicts}}
      </header>
      <main>
      {{#ratios}}{{> ratios}}{{/ratios}}
      {{#hasBaseline}}
      <section>
      <h2>Against the older result</h2>
      <p>{{baselineText}}</p>
      <div class="scroll"><table>
      {{#changes}}<tr><th scope="row">{{row}}</th><td>{{figure}}</td>
      <td class="verdict {{style}}">{{ratio}}</td><td>{{interval}}</td></tr>{{/changes}}
      </table></div>
      </section>
      {{/hasBaseline}}
      {{#hasScaling}}
      <section>
      <h2>Scaling over threads</h2>
      <div class="legend">{{#legend}}{{> legend}}{{/legend}}</div>
      <div class="charts">{{#scaling}}{{> lines}}{{/scaling}}</div>
      </section>
      {{/hasScaling}}
      <h2>Every workload</h2>
      {{#sections}}
      <section id="{{anchor}}">
      <h3>{{name}}</h3>
      <p class="facts">{{facts}}</p>
      {{#speed}}{{> bars}}{{/speed}}
      {{#hasCharts}}
      <div class="legend">{{#legend}}{{> legend}}{{/legend}}</div>
      <div class="charts">{{#charts}}{{> lines}}{{/charts}}</div>
      {{/hasCharts}}
      {{#figures}}{{> figures}}{{/figures}}
      </section>
      {{/sections}}
      <section>
      <h2>Machine and method</h2>
      <dl>{{#facts}}<dt>{{name}}</dt><dd>{{value}}</dd>{{/facts}}
      <dt>date</dt><dd>{{date}}</dd></dl>
      <h3>Allocators</h3>
      <dl>{{#allocators}}<dt>{{name}}</dt><dd>{{value}}</dd>{{/allocators}}</dl>
      {{#notes}}<p class="note">{{.}}</p>{{/notes}}
      </section>
      </main>
      </body>
      </html>

      """

  static let ratios = """
    <section>
    <h2>{{title}}</h2>
    <p>{{explanation}}</p>
    <div class="ratios" role="table" aria-label="{{title}}">
    {{#bars}}
    <div class="ratio" role="row">
    <a role="rowheader" class="name" href="#{{anchor}}">{{label}}</a>
    <svg role="img" aria-label="{{ratio}} ({{interval}})" class="bar {{style}}">
    <title>{{label}}: {{ratio}} of {{peer}}, {{interval}}</title>
    {{#ticks}}<line class="grid" x1="{{position}}%" x2="{{position}}%" y1="0" y2="100%"/>{{/ticks}}
    <rect x="{{left}}%" y="25%" width="{{width}}%" height="50%"/>
    <line class="one" x1="{{one}}%" x2="{{one}}%" y1="0" y2="100%"/>
    {{#hasWhisker}}
    <line class="whisker" x1="{{whiskerLeft}}%" x2="{{whiskerRight}}%" y1="50%" y2="50%"/>
    <line class="whisker" x1="{{whiskerLeft}}%" x2="{{whiskerLeft}}%" y1="32%" y2="68%"/>
    <line class="whisker" x1="{{whiskerRight}}%" x2="{{whiskerRight}}%" y1="32%" y2="68%"/>
    {{/hasWhisker}}
    </svg>
    <span role="cell" class="verdict {{style}}"><b>{{ratio}}</b> of {{peer}}<br>
    <small>{{verdict}}, {{interval}}</small></span>
    </div>
    {{/bars}}
    <div class="ratio axis" aria-hidden="true"><span class="name"></span>
    <div class="ticks">{{#ticks}}<span style="left:{{position}}%">{{label}}</span>{{/ticks}}</div>
    <span></span></div>
    </div>
    </section>
    """

  static let bars = """
    <h4>{{title}}</h4>
    <div class="bars">
    {{#bars}}
    <div class="allocator{{#isSubject}} subject{{/isSubject}}">
    <span class="name">{{name}}</span>
    {{#failure}}<span class="failure">{{.}}</span>{{/failure}}
    {{^failure}}
    <svg role="img" aria-label="{{name}}: {{value}}" class="{{style}}">
    <rect x="0" y="20%" width="{{width}}%" height="60%"/>
    <line class="whisker" x1="{{whiskerLeft}}%" x2="{{whiskerRight}}%" y1="50%" y2="50%"/>
    </svg>
    <span class="value">{{value}}</span>
    {{/failure}}
    </div>
    {{/bars}}
    </div>
    """

  static let lines = """
    <figure>
    <figcaption>{{title}}</figcaption>
    <div class="plot">
    <div class="y">{{#yTicks}}<span style="bottom:{{position}}%">{{label}}</span>{{/yTicks}}</div>
    <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" \
    aria-label="{{description}}">
    {{#yGrid}}<line class="grid" x1="0" x2="1000" y1="{{.}}" y2="{{.}}"/>{{/yGrid}}
    {{#lines}}{{#isDot}}<polyline class="dot {{style}}" points="{{points}} {{points}}">\
    <title>{{name}}</title></polyline>{{/isDot}}\
    {{^isDot}}<polyline class="{{style}}" points="{{points}}"><title>{{name}}</title></polyline>\
    {{/isDot}}
    {{/lines}}
    </svg>
    <div class="x">{{#xTicks}}<span style="left:{{position}}%">{{label}}</span>{{/xTicks}}</div>
    </div>
    <div class="axis-title">{{xTitle}}</div>
    </figure>
    """

  static let legend = """
    <span class="key"><svg class="swatch" viewBox="0 0 28 10"><line class="{{style}}" x1="0" \
    x2="28" y1="5" y2="5"/></svg>{{name}}</span>
    """

  static let figures = """
    <div class="scroll"><table>
    <thead><tr><th></th>{{#headings}}<th scope="col">{{.}}</th>{{/headings}}</tr></thead>
    <tbody>
    {{#lines}}<tr{{#isSubject}} class="subject"{{/isSubject}}><th scope="row">{{name}}</th>\
    {{#cells}}<td>{{.}}</td>{{/cells}}</tr>
    {{/lines}}
    </tbody></table></div>
    """
}
