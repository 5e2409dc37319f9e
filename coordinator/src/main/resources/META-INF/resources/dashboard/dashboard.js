// Puts what the coordinator says every second in the place of what it said before. Elements stay where they are
// unless something in them has changed: so focus, selection and what a screen reader reads are kept.
const connection = document.getElementById("connection");

function say(text) {
  if (connection.textContent !== text) connection.textContent = text;
}

function update(before, after) {
  if (before.isEqualNode(after)) return;
  const same = before.nodeName === after.nodeName && before.nodeType === Node.ELEMENT_NODE;
  if (!same) return before.replaceWith(after);
  for (const { name } of [...before.attributes]) {
    if (!after.hasAttribute(name)) before.removeAttribute(name);
  }
  for (const { name, value } of after.attributes) before.setAttribute(name, value);
  const news = [...after.childNodes];
  const olds = [...before.childNodes];
  news.forEach((node, i) => (i < olds.length ? update(olds[i], node) : before.append(node)));
  olds.slice(news.length).forEach((node) => node.remove());
}

// Each minute the coordinator ends what it says, and the browser asks anew by itself: only a second failure is one.
// A browser gives up only when it was refused; then it is told to go on, or, if nobody is signed on any more, the page
// is loaded again, which leads to signing on.
function listen() {
  const source = new EventSource("/dashboard/events");
  source.addEventListener("message", (event) => {
    const page = new DOMParser().parseFromString(`<main id="main" tabindex="-1">${event.data}</main>`, "text/html");
    update(document.getElementById("main"), page.getElementById("main"));
    since = null;
    say("This page follows the federation.");
  });
  source.addEventListener("error", () => {
    const refused = source.readyState === EventSource.CLOSED;
    if (since || refused) say(`The coordinator does not answer since ${since ?? now()}: this is what it said last.`);
    since ??= now();
    if (refused) setTimeout(again, 2000);
  });
}

async function again() {
  const answer = await fetch("/dashboard/icon.svg", { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) location.reload();
  else listen();
}

function now() {
  return new Date().toLocaleTimeString();
}

let since = null;
listen();
