// What the theme's dialog lacks: a role and a name for screen readers, one submission at a time,
// and the focus back on the button that opened it.
(() => {
    let opener = null;
    const modal = () => document.getElementById("modal-content");
    const isDialogForm = (element) => element.tagName === "FORM" && modal()?.contains(element);

    const setBusy = (form, busy) => {
        for (const button of form.querySelectorAll("[type=submit]")) {
            button.setAttribute("aria-disabled", String(busy));
        }
    };

    document.addEventListener("htmx:beforeRequest", (event) => {
        const element = event.target;
        if (element.classList.contains("ops-button")) {
            opener = element;
        } else if (isDialogForm(element)) {
            if (element.dataset.sending) {
                event.preventDefault();
                return;
            }
            element.dataset.sending = "true";
            setBusy(element, true);
        }
    });

    // While the database is away the answer is a page for the dialog, though its status is an error's.
    document.addEventListener("htmx:beforeSwap", (event) => {
        if (event.detail.xhr.status === 503 && event.detail.xhr.getResponseHeader("HX-Retarget")) {
            event.detail.shouldSwap = true;
            event.detail.isError = false;
        }
    });

    document.addEventListener("htmx:afterRequest", (event) => {
        const form = event.detail.elt;
        // An answer that leads to another page leaves the form closed for good.
        if (isDialogForm(form) && !event.detail.xhr.getResponseHeader("HX-Redirect")) {
            delete form.dataset.sending;
            setBusy(form, false);
        }
    });

    // The dialog may be shown only after its content has come, and what is hidden takes no focus.
    const focusWhenShown = (field, tries = 100) => {
        if (!field?.isConnected || modal().contains(document.activeElement) || !tries) return;
        field.focus();
        setTimeout(() => focusWhenShown(field, tries - 1), 20);
    };

    document.addEventListener("htmx:afterSwap", (event) => {
        if (event.target !== modal()) return;
        event.target.setAttribute("role", "dialog");
        event.target.setAttribute("aria-modal", "true");
        event.target.setAttribute("aria-label", event.target.querySelector("h1")?.textContent.trim() ?? "");
        focusWhenShown(event.target.querySelector("[autofocus]"));
    });

    const giveFocusBack = () => setTimeout(() => opener?.focus());
    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && modal()?.contains(document.activeElement)) giveFocusBack();
    });
    document.addEventListener("click", (event) => {
        const link = event.target.closest?.("a[href='#']");
        if (link && modal()?.contains(link)) {
            event.preventDefault();
            giveFocusBack();
        }
    });
})();
