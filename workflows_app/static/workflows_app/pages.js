// What the console's pages do by themselves: times in the reader's zone, copying, and a home page that stays fresh.
(() => {
    const two = (number) => String(number).padStart(2, "0");
    const zoneOf = (at) =>
        new Intl.DateTimeFormat("en", { timeZoneName: "short" })
            .formatToParts(at)
            .find((part) => part.type === "timeZoneName").value;

    // The server makes pages in the zone that this cookie names. On the first page, times are put right here.
    const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    const told = `workflows_zone=${zone}`;
    const isKnown = document.cookie.split("; ").includes(told);
    if (!isKnown) {
        const secure = location.protocol === "https:" ? "; secure" : "";
        document.cookie = `${told}; path=/; max-age=31536000; samesite=lax${secure}`;
    }
    const putTimes = (root) => {
        if (isKnown) return;
        for (const time of root.querySelectorAll("time[data-ops-when]")) {
            const at = new Date(time.dateTime);
            const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
            const hour = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
            time.textContent = `${day} ${hour} ${zoneOf(at)}`;
        }
    };

    // What happened just now when the page was made did not a minute later, however the browser's clock goes.
    const happened = new WeakMap();
    const putAges = () => {
        const now = performance.now();
        const spoken = new Intl.RelativeTimeFormat(document.documentElement.lang || "en");
        for (const time of document.querySelectorAll("time[data-ops-ago]")) {
            if (!happened.has(time)) happened.set(time, now - 1000 * Number(time.dataset.opsAgo));
            const minutes = Math.floor((now - happened.get(time)) / 60000);
            const hours = Math.floor(minutes / 60);
            if (minutes) time.textContent = hours ? spoken.format(-hours, "hour") : spoken.format(-minutes, "minute");
        }
    };
    setInterval(putAges, 10000);

    const copied = (button, isDone) => {
        const label = button.querySelector("[data-ops-copied]");
        label.dataset.opsCopied ||= label.textContent;
        label.textContent = isDone ? button.dataset.opsDone : button.dataset.opsFailed;
        setTimeout(() => (label.textContent = label.dataset.opsCopied), 2000);
    };

    // Without a secure connection browsers offer no clipboard; the old way still works there.
    const copyOld = (text) => {
        const field = document.createElement("textarea");
        field.value = text;
        document.body.append(field);
        field.select();
        const isDone = document.execCommand("copy");
        field.remove();
        return isDone;
    };

    document.addEventListener("click", async (event) => {
        const button = event.target.closest?.("[data-ops-copy]");
        if (!button) return;
        const text = button.dataset.opsCopy;
        try {
            await navigator.clipboard.writeText(text);
            copied(button, true);
        } catch {
            copied(button, copyOld(text));
            button.focus();
        }
    });

    // What is offered as a reason becomes the person's own words, to be changed or added to.
    document.addEventListener("click", (event) => {
        const offer = event.target.closest?.("[data-ops-offer]");
        const field = offer?.closest("form")?.elements[offer.dataset.opsOffer];
        if (!field) return;
        if (!field.value.includes(offer.textContent)) {
            field.value = [field.value.trim(), offer.textContent].filter(Boolean).join(" ");
            field.dispatchEvent(new Event("input", { bubbles: true }));
        }
        field.focus();
    });

    // The home page asks for itself every half minute, a run when it is at work or being asked about. What is
    // looked at stays where it is.
    const home = () => document.getElementById("ops-home");
    const live = () => home() ?? document.getElementById("ops-run");
    let focused = null;
    let scrolled = null;

    const putTitle = () => {
        const waits = Number(home()?.dataset.waits ?? 0);
        const name = document.title.replace(/^\s*\(\d+\+?\)\s*/, "").trim();
        document.title = waits ? `(${home().dataset.waitsShown}) ${name}` : name;
    };

    // A run at work asks for itself too, but not while somebody is about something in it.
    const dialogIsOpen = () =>
        (document.getElementById("modal-content")?.getClientRects().length ?? 0) > 0;
    const isBusyWith = (run) =>
        run.contains(document.activeElement) ||
        run.querySelector("details[open]") !== null ||
        dialogIsOpen();

    document.addEventListener("htmx:beforeRequest", (event) => {
        const element = event.target;
        if (element !== home() && element.id !== "ops-run") return;
        const marked = String(document.getSelection() ?? "");
        const isBusy = element.id === "ops-run" && isBusyWith(element);
        if (document.hidden || marked || isBusy) event.preventDefault();
    });

    // The theme has drawn the charts; they get the numbers that came with the page.
    const renewCharts = (page) => {
        for (const section of document.querySelectorAll("[data-ops-chart]")) {
            const key = CSS.escape(section.dataset.opsChart);
            const fresh = page.querySelector(`[data-ops-chart="${key}"]`);
            const canvas = section.querySelector("canvas");
            const drawn = window.Chart?.getChart(canvas);
            if (!fresh || !drawn) continue;
            section.hidden = fresh.hidden;
            section.querySelector("p").textContent = fresh.querySelector("p").textContent;
            section.querySelector("[role=img]").ariaLabel = fresh.querySelector("p").textContent;
            drawn.data = JSON.parse(fresh.querySelector("canvas").dataset.value);
            drawn.update();
        }
    };

    document.addEventListener("htmx:beforeSwap", (event) => {
        if (!live() || event.detail.target !== live()) return;
        if (home()) renewCharts(new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html"));
        const active = document.activeElement;
        focused = live().contains(active) ? active.dataset.opsKey : null;
        scrolled = active && focused ? active.getBoundingClientRect().top : null;
    });

    document.addEventListener("htmx:afterSwap", (event) => {
        const places = [event.target.id, event.detail.target?.id];
        if (!live() || !places.includes(live().id)) return;
        putTimes(document);
        if (home()) putTitle();
        const again = focused && live().querySelector(`[data-ops-key="${CSS.escape(focused)}"]`);
        if (again) {
            again.focus({ preventScroll: true });
            window.scrollBy(0, again.getBoundingClientRect().top - scrolled);
        }
    });

    // What was said of a decision is over once the run that was at work waits for a person again.
    document.addEventListener("htmx:beforeSwap", ({ detail }) => {
        const isRun = detail.target.id === "ops-run" && detail.target.matches(":not(.ops-alert)");
        const page = isRun && new DOMParser().parseFromString(detail.xhr.responseText, "text/html");
        if (page && page.querySelector("#ops-run.ops-alert")) document.getElementById("ops-messages")?.remove();
    });

    document.addEventListener("htmx:afterSwap", (event) => putTimes(event.target));
    document.addEventListener("htmx:afterSwap", putAges);
    document.addEventListener("visibilitychange", () => {
        if (!document.hidden && home()) htmx.trigger(home(), "ops-refresh");
    });
    document.addEventListener("DOMContentLoaded", () => {
        putTimes(document);
        putAges();
        if (home()) putTitle();
        // What a form had led to is asked for again by its address: the browser need not send the form once more.
        const placed = document.querySelector("[data-ops-address]");
        if (placed) history.replaceState(history.state, "", placed.dataset.opsAddress);
    });
})();
