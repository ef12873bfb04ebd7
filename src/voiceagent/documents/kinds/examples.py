"""Texts that stand for each kind of document, in four languages: what a document is compared with. No rules."""

from __future__ import annotations

OTHER = "other"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "contract": (
        "This agreement is entered into by and between the parties. The parties agree to the following terms and conditions.",
        "Termination: either party may terminate this contract with thirty days written notice. Governing law and jurisdiction.",
        "The lessee shall pay the rent to the landlord. Liability, confidentiality, signatures of both parties.",
        "1. Scope. The Provider shall render the services described in Annex A to the Client. 2. Fees. The Client shall pay the fees within "
        "thirty days. 3. Liability. The Provider's liability is limited. 4. Term and termination. 5. Entire agreement; amendments in writing.",
        "Deed of sale. The Seller sells and the Buyer buys the property described below, free of encumbrances, at the agreed price. "
        "The Buyer accepts the goods as seen. Title passes on payment. Signed by the Seller and the Buyer in the presence of witnesses.",
        "End user licence and terms of service. By using the service you agree to be bound by these terms. We may suspend your account if "
        "you breach them. The service comes without warranty of any kind.",
        "Vertrag zwischen dem Auftraggeber und dem Auftragnehmer. § 1 Gegenstand. § 2 Vergütung. § 3 Haftung. § 4 Kündigung. § 5 Schriftform, "
        "Gerichtsstand. Unterschriften der Parteien.",
        "Contrat conclu entre les soussignés. Article 1 Objet. Article 2 Obligations des parties. Article 3 Durée et résiliation. Fait en "
        "deux exemplaires originaux.",
        "Contrato entre las partes. Cláusula primera: objeto. Cláusula segunda: precio y forma de pago. Cláusula tercera: duración y "
        "resolución. Las partes firman por duplicado.",
    ),
    "invoice": (
        "Invoice number, invoice date, bill to, quantity, unit price, subtotal, tax, total amount due, payment terms.",
        "Please pay the amount of this bill within 14 days to the bank account below. VAT included.",
        "Receipt for your purchase: items, price, tax, total paid by card.",
        "Tax invoice no. 3312. Sold to: customer. 5 chairs at 40.00 = 200.00. Delivery 15.00. VAT 19 % 40.85. Grand total 255.85. Due in 30 days. "
        "Bank transfer to account number, IBAN.",
        "Your telephone bill for this month. Account number. Previous balance, payments, monthly charges, calls, taxes. New balance. "
        "Please pay by the due date.",
        "Restaurant check: 2 coffee 5.00, 1 sandwich 7.50, subtotal 12.50, tax 1.00, total 13.50, paid cash, change 6.50. Thank you for your visit.",
        "Rechnung Nr. 100. Menge, Bezeichnung, Einzelpreis, Gesamtpreis. Nettobetrag, zuzüglich 19 % MwSt., Rechnungsbetrag. Zahlbar innerhalb "
        "von 14 Tagen auf unser Konto.",
        "Facture n° 55. Désignation, quantité, prix unitaire HT, total HT, TVA 20 %, total TTC. Net à payer à trente jours par virement.",
        "Factura número 12. Concepto, cantidad, precio, importe. Base imponible, IVA 21 %, total factura. Pago por transferencia bancaria.",
    ),
    "manual": (
        "User manual: how to install, configure and use the product. Step 1: press the button. Troubleshooting. Safety warnings.",
        "Instructions for support staff: check the customer's settings, then follow these steps to solve the problem.",
        "Handbook of procedures and policies: eligibility, requirements, what to do when.",
        "Employee handbook: dress code, working hours, holidays, sick days, use of company phones, how to report a grievance. Employees must "
        "tell their manager before taking leave.",
        "Company policy. Who it applies to, what staff must do, what is not allowed, who approves exceptions, how to report violations.",
        "Plug in the device. Hold the power button until the light blinks. Open the app and choose your device from the list. If the light "
        "stays off, charge the battery. Clean with a dry cloth only.",
        "Getting started: download the package, run the installer, edit the settings file and start the server with this command. "
        "Options. Examples. Common errors and how to fix them.",
        "Help page: how the feature works, who can use it, limits and fees, step by step, tips, what to do if you do not get the expected result, "
        "when to contact support.",
        "Internal procedure: check that all of the following are true, verify the customer, choose the account type, then use the tool to complete "
        "the request. Explain the rewards, rates and fees to the customer.",
        "Gebrauchsanweisung: Lesen Sie die Sicherheitshinweise. Schließen Sie das Gerät an, drücken Sie die Taste. Reinigung und Pflege. Hilfe bei "
        "Störungen. Handbuch für Beschäftigte: So beantragen Sie Urlaub.",
        "Mode d'emploi : branchez l'appareil, appuyez sur le bouton, choisissez le programme. Entretien. Dépannage. Consignes de sécurité.",
        "Instrucciones de uso: conecte el aparato, pulse el botón, elija el programa. Limpieza y mantenimiento. Problemas y soluciones.",
    ),
    "letter": (
        "Dear Sir or Madam, I am writing to you about my application. Yours sincerely.",
        "Dear Mrs Miller, thank you for your letter. We are pleased to inform you. Kind regards.",
        "Memorandum to all employees from the director concerning the new rules.",
        "Dear customer, our prices will change on the first of January. Please find the new list enclosed. If you have questions, call us. "
        "Yours faithfully, the management.",
        "Dear neighbour, next week we shall cut down the old tree between our gardens. We hope the noise will not disturb you. With best wishes.",
        "Dear Sirs, I refer to your notice of 4 May and wish to appeal against it. I enclose copies of my papers and ask for a reply. Respectfully.",
        "Sehr geehrte Frau Schmidt, wir nehmen Bezug auf Ihr Schreiben und teilen Ihnen mit, dass Ihr Antrag bewilligt wurde. Mit freundlichen Grüßen",
        "Madame, Monsieur, j'ai bien reçu votre courrier et vous en remercie. Veuillez agréer, Madame, Monsieur, mes salutations distinguées.",
        "Estimada señora: Por la presente le informamos de que su solicitud ha sido aceptada. Atentamente, la dirección.",
    ),
    "report": (
        "Abstract. Introduction. In this paper we present a method and experimental results. Conclusion. References.",
        "Annual report: revenue grew this quarter compared with last year. Summary of findings and recommendations.",
        "Analysis of the data shows an increase. Table 1 and figure 2 show the results of the study.",
        "We propose a new algorithm and prove that it converges. Experiments on three data sets show that it is better than the baseline by 3 %. "
        "Related work. Ablation. Limitations.",
        "Report on the investigation of the fire. Background, course of events, damage, cause, measures taken, lessons learnt.",
        "The present paper investigates the flow and the heat transfer theoretically and experimentally. The equations are solved numerically, and "
        "the computed pressure distribution is in good agreement with measurements.",
        "A theoretical analysis of the stability of thin plates and shells under load is given. It is shown that the solution depends on the boundary "
        "conditions.",
        "Background: little is known about the disease. Patients were treated for twelve weeks. The treatment reduced symptoms significantly (p < 0.05).",
        "Survey results: 1,000 people were asked. 62 percent agreed, 21 percent did not. The share rose by four points since the last survey.",
        "Assessment of the situation: key events of the week, developments in each region, forecast.",
        "Bericht über das Geschäftsjahr: Der Umsatz stieg um 5 Prozent. Ergebnisse der Untersuchung, Bewertung, Ausblick, Empfehlungen.",
        "Rapport d'activité : synthèse, méthode, résultats, analyse, conclusion. Le chiffre d'affaires a augmenté de 5 % par rapport à 2022.",
        "Informe de resultados: introducción, metodología, análisis de los datos, conclusiones. Las ventas aumentaron un 5 % respecto al año anterior.",
    ),
    "form": (
        "Please fill in this form. Name, date of birth, address, signature. Check the box that applies. For official use only.",
        "Application form: last name, first name, social security number, city, state, zip code, date.",
        "Tick one: yes no. Enter the amount from line 12. Attach schedule B if required.",
        "Questionnaire: how satisfied are you? very satisfied, satisfied, not satisfied. Any other comments? Please return the form to us.",
        "Registration. Surname: ____ Given names: ____ Passport number: ____ Phone: ____ I hereby declare that the above is true. Signature: ____ Date: ____",
        "To be completed by the applicant in block capitals. Details of the incident: date, time, place, description. Were there witnesses? Yes / No.",
        "Formular. Name, Vorname, Geburtsdatum, Anschrift. Zutreffendes bitte ankreuzen. Datum, Unterschrift. Nur vom Amt auszufüllen.",
        "Formulaire à remplir. Nom, prénom, date de naissance, adresse. Cochez la case correspondante. Date et signature. Cadre réservé au service.",
        "Formulario de solicitud. Nombre, apellidos, fecha de nacimiento, domicilio. Marque la casilla. Fecha y firma. A rellenar por la administración.",
    ),
    "cv": (
        "Curriculum vitae. Work experience, education, skills, languages, references available on request.",
        "Resume: software engineer with five years of experience. University degree. Employment history. Certifications.",
        "Professional profile, career summary, achievements, hobbies.",
        "2019 - present: sales manager at a wholesaler. 2014 - 2019: sales assistant. 2014: bachelor of business. Skills: negotiation, Excel. "
        "Languages: English, Italian. Driving licence.",
        "Nurse with ten years in hospitals. Positions held, training, licences, memberships, publications, awards.",
        "Lebenslauf. Geboren in Bonn, ledig. Beruflicher Werdegang: seit 2018 Bürokauffrau. Schule und Ausbildung: Abitur, Lehre. Kenntnisse, "
        "Sprachen, Interessen.",
        "CV. Expérience professionnelle : comptable depuis 2017. Formation : licence de gestion. Compétences, langues, loisirs.",
        "Currículum. Experiencia profesional: enfermera desde 2016. Formación: grado. Idiomas, informática, aficiones.",
    ),
    "email": (
        "From: To: Subject: Sent: Hi all, please find attached the notes from our meeting. Best, Anna",
        "On Monday he wrote: thanks for the quick reply. See my answers below. Forwarded message.",
        "Hi Tom, can you send me the file again? The link does not work for me. Thanks! Jo. Sent from my phone.",
        "Subject: Re: schedule. Hello team, just a quick reminder that the call is at three. Let me know if that does not suit you. Cheers",
        "Your parcel is on its way. Track it here. Do not reply to this message. Unsubscribe. View in browser.",
        "Betreff: AW: Termin. Hallo zusammen, passt euch Dienstag um 14 Uhr? Anbei die Datei. Viele Grüße",
        "Objet : RE : planning. Bonjour, voici le fichier en pièce jointe. Dites-moi si cela vous convient. Bonne journée",
        "Asunto: RE: horario. Hola, te mando el archivo adjunto. ¿Te va bien el martes? Gracias y un saludo",
    ),
}
"""The first text of a kind also tells a language model what the label means."""

NONE_OF_THEM: tuple[str, ...] = (
    "News: the minister said on Wednesday that the government would fund the new bridge. Protesters gathered in the square.",
    "The striker scored twice as the home side won the cup in front of a full stadium.",
    "Once upon a time there was a king who lived in a castle by the sea. One night he heard a voice. She looked at him and smiled.",
    "Encyclopedia: the river rises in the mountains and flows south for 300 km. The town was founded in the twelfth century. He was born in 1840 and "
    "became a painter.",
    "A volcano is an opening in the crust of a planet through which lava, ash and gases escape. Most volcanoes lie where plates meet.",
    "The heart is a muscular organ that pumps blood through the body. Diseases of the heart are among the most frequent causes of death.",
    "The parliament of the country consists of two chambers whose members are elected for four years. The constitution was adopted in 1921.",
    "Recipe: melt the butter, stir in the flour, add the eggs and bake for half an hour. Serves six.",
    "Poem: the moon upon the silent lake, the wind that sings, the hearts that break.",
    "Special offer this weekend only! Visit our shop, great prices, fun for the whole family. Free entry, live music.",
    "import os; class Node: def next(self): return self.value; for item in items: print(item); if (x == 0) { return null; }",
    "Speech: my fellow citizens, tonight we stand together. Our nation is strong. God bless you all.",
    "Sample text without meaning, test document, heading, paragraph, list item one, list item two, lorem ipsum dolor sit amet.",
    "List of teams, cities and names. Column A, column B, row 1, row 2.",
    "We are hiring a cook. Your tasks, what we offer, how to apply.",
    "Nachrichten: Der Stadtrat hat gestern beschlossen. Das Wetter am Montag: sonnig. Es lebte einmal ein Bauer mit seiner Frau.",
    "Actualités : le ministre a annoncé hier. Le match s'est terminé sur un score nul. Il était une fois une princesse.",
    "Noticias: el presidente anunció ayer. El equipo ganó el partido. Había una vez un rey.",
)
"""Of texts that are of no kind."""
