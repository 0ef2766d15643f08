/// The page's style sheet.
enum PageStyle {
  static let sheet = """
    :root{color-scheme:light dark;--ground:#fbfbfa;--card:#fff;--ink:#1c1e21;--quiet:#5d6470;
    --rule:#dfe1e5;--ahead:#12744a;--behind:#b4400f;--none:#6b7280;
    --c0:#1554c9;--c1:#8a8f98;--c2:#d1600a;--c3:#178a6d;--c4:#a63fb0;--c5:#b58900;
    --c6:#c2255c;--c7:#0e8bb0;--c8:#6b8e23;--c9:#7d5a3c;--c10:#3f4a5a;--c11:#d98cb3}
    @media (prefers-color-scheme:dark){:root{--ground:#15171a;--card:#1c1f24;--ink:#e8eaed;
    --quiet:#a3abb8;--rule:#343941;--ahead:#4fc98e;--behind:#ff9a66;--none:#a3abb8;
    --c0:#7fb0ff;--c1:#9aa1ac;--c2:#ff9d52;--c3:#4fd1ad;--c4:#e08ae8;--c5:#e6c34a;
    --c6:#ff7fa8;--c7:#58c7ea;--c8:#b5d56a;--c9:#cfa482;--c10:#dfe4ec;--c11:#c77a9c}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:68rem;padding:1.5rem 1rem 4rem;background:var(--ground);
    color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
    h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem}
    h2{font-size:1.25rem;margin:2.5rem 0 .25rem}
    h3{font-size:1.05rem;margin:0 0 .25rem}
    h4,figcaption{font-size:.85rem;font-weight:600;color:var(--quiet);margin:1rem 0 .35rem}
    p{margin:.25rem 0 .75rem}.lead{font-size:1.1rem}.facts,.note,small{color:var(--quiet)}
    .facts{font-size:.85rem;overflow-wrap:anywhere}
    a{color:inherit;text-decoration-color:var(--rule);text-underline-offset:.2em}
    main>section{background:var(--card);border:1px solid var(--rule);border-radius:.6rem;
    padding:1rem;margin:1rem 0}main>section>h2{margin-top:0}
    .counts{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;list-style:none;padding:0;margin:.5rem 0}
    .counts b{font-size:1.6rem;margin-right:.25rem}
    .ahead{color:var(--ahead)}.behind{color:var(--behind)}.none{color:var(--none)}
    .ratio{display:grid;grid-template-columns:minmax(7rem,14rem) 1fr 13rem;gap:.75rem;
    align-items:center;border-top:1px solid var(--rule);padding:.25rem 0}
    .ratio .name{overflow-wrap:anywhere;font-size:.92rem}
    .ratio svg{width:100%;height:2.4rem;overflow:visible}
    .ratio.axis{border-top:0;padding:0}.ticks{position:relative;height:1.4rem}
    .ticks span{position:absolute;transform:translateX(-50%);font-size:.75rem;color:var(--quiet)}
    .verdict{line-height:1.25;font-size:.92rem}.verdict small{font-size:.8rem}
    rect{fill:currentColor}.bar rect{opacity:.55}
    line.grid{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}line.one{stroke:var(--ink);stroke-width:1.5}
    line.whisker{stroke:var(--ink);stroke-width:2}
    .bars .allocator{display:grid;grid-template-columns:minmax(5rem,9rem) 1fr 5.5rem;gap:.75rem;
    align-items:center;font-size:.9rem}
    .bars svg{width:100%;height:1.5rem;display:block}.bars rect{fill:var(--c,currentColor)}
    .bars .name,.bars .value{overflow-wrap:anywhere}.value{text-align:right}
    .value,td,.verdict b{font-variant-numeric:tabular-nums}
    .subject,.subject th{font-weight:700}.failure{color:var(--behind);grid-column:2/4}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));
    gap:.5rem 2rem}
    figure{margin:0;min-width:0}
    .plot{display:grid;grid-template-columns:4rem 1fr 1rem;grid-template-rows:13rem 1.3rem}
    .plot .y,.plot .x{position:relative}.plot .x{grid-column:2}
    .plot .y span{position:absolute;right:.5rem;transform:translateY(50%)}
    .plot .x span{position:absolute;transform:translateX(-50%);top:.2rem}
    .plot .x span:last-child{transform:translateX(-75%)}
    .plot span,.axis-title{font-size:.75rem;color:var(--quiet);white-space:nowrap}
    .axis-title{text-align:right}
    .plot svg{width:100%;height:100%;border-left:1px solid var(--quiet);
    border-bottom:1px solid var(--quiet);overflow:visible}
    polyline{fill:none;stroke:var(--c);stroke-width:1.6;vector-effect:non-scaling-stroke;
    stroke-linejoin:round}
    polyline.s0{stroke-width:3.2}polyline.dot{stroke-width:7;stroke-linecap:round}
    .legend{display:flex;flex-wrap:wrap;gap:.15rem 1rem;font-size:.85rem;margin-top:1rem}
    .key{display:inline-flex;align-items:center;gap:.35rem}.swatch{width:28px;height:10px}
    .swatch line{stroke:var(--c);stroke-width:3}
    .s0{--c:var(--c0)}.s1{--c:var(--c1)}.s2{--c:var(--c2)}.s3{--c:var(--c3)}.s4{--c:var(--c4)}
    .s5{--c:var(--c5)}.s6{--c:var(--c6)}.s7{--c:var(--c7)}.s8{--c:var(--c8)}.s9{--c:var(--c9)}.s10{--c:var(--c10)}
    .s11{--c:var(--c11)}
    polyline.s1,polyline.s4,polyline.s7,polyline.s10,line.s1,line.s4,line.s7,line.s10{stroke-dasharray:7 3}
    polyline.s2,polyline.s5,polyline.s8,polyline.s11,line.s2,line.s5,line.s8,line.s11{stroke-dasharray:2 3}
    .scroll{overflow-x:auto;margin-top:1rem}
    table{border-collapse:collapse;font-size:.82rem;min-width:100%}
    th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid var(--rule);
    white-space:nowrap}th{font-weight:500}tbody th,tr th:first-child{text-align:left}
    thead th{color:var(--quiet)}
    dl{display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.15rem 1rem;font-size:.88rem;
    margin:.5rem 0}dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
    @media (max-width:42rem){.ratio{grid-template-columns:1fr;gap:.1rem;padding:.6rem 0}
    .ratio.axis .name,.ratio.axis>span:last-child{display:none}
    .bars .allocator{grid-template-columns:6rem 1fr 4.6rem;gap:.5rem}
    .plot .x span:nth-child(n+5):nth-last-child(2){display:none}body{padding:1rem .6rem 3rem}}
    @media print{:root{--ground:#fff;--card:#fff;--ink:#000;--quiet:#444;--rule:#bbb;
    --ahead:#12744a;--behind:#b4400f;--none:#555;--c0:#1554c9;--c1:#777;--c2:#d1600a;--c3:#178a6d;
    --c4:#a63fb0;--c5:#b58900;--c6:#c2255c;--c7:#0e8bb0;--c8:#6b8e23;--c9:#7d5a3c}
    body{max-width:none;padding:0;font-size:11px;print-color-adjust:exact}
    .ratio,figure,.allocator,tr,section[id]{break-inside:avoid}h2,h3,h4{break-after:avoid}
    .scroll{overflow:visible}}
    """
}
